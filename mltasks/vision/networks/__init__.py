"""Frozen pretrained networks: backbones, auxiliary backbone, embedder, input size, device and seeds."""
