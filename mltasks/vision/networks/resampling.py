"""Resampling of images by whole factors, in operations that OpenVINO computes fast.

Its average pooling and interpolation of images with few channels take up to four times as long as the same sums
written as a convolution and as products of matrices.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.networks.compute import full_precision


def average_pixels(images: Tensor, factor: int) -> Tensor:
    """Average ``factor`` × ``factor`` pixels of ``[N, C, H, W]`` into one, in 32 bits, each channel by itself."""
    if factor == 1:
        return images
    channels = torch.eye(int(images.shape[1]), device=images.device)
    weights = channels[:, :, None, None].expand(-1, -1, factor, factor) / factor**2
    with full_precision(images.device):
        return F.conv2d(images.float(), weights, stride=factor)


def enlarge(maps: Tensor, factor: int) -> Tensor:
    """Enlarge ``[N, C, h, w]`` by bilinear interpolation to ``[N, C, factor × h, factor × w]``, in 32 bits."""
    down, across = (_interpolation(int(maps.shape[axis]), factor).to(maps.device) for axis in (2, 3))
    with full_precision(maps.device):
        return down @ maps.float() @ across.T


@lru_cache(maxsize=32)
def _interpolation(length: int, factor: int) -> Tensor:
    """Return the matrix ``[factor × length, length]`` that interpolates a line of values linearly."""
    # A cached tensor must also serve where gradients are recorded.
    with torch.inference_mode(mode=False):
        lines = torch.eye(length)[None]
        return F.interpolate(lines, scale_factor=float(factor), mode="linear")[0].T.contiguous()
