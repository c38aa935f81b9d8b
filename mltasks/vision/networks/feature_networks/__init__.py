"""Pretrained networks of several architectures, as frozen sources of feature maps at strides 8, 16 and 32."""
