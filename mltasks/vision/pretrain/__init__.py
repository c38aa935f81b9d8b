"""Pretraining of backbones: ResNet18, distilled from a packaged teacher without labels.

The shipped backbone is distilled on images drawn by our own code, a plant's backbone on the plant's images.
"""
