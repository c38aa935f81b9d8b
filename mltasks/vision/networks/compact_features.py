"""Compact features: PCA of both networks' maps at stride 8.

At stride 16 a blowhole or a hairline is smaller than a cell. Stride 8 has four times as many cells, too many to store
176 channels of thousands of images. The maps are therefore projected on principal components. The components are fitted
to images drawn by this project's code, so they do not depend on any product's parts."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.drawing.scenes import draw_picture

COMPACT_CHANNELS = 48
CALIBRATION_COUNT, SIDE, SEED = 32, 128, 0
MIN_DEVIATION = 1e-4
# Smoothing over neighbor cells: a hat, which blurs less than the mean of 3 × 3
SMOOTHING_KERNEL = (1.0, 2.0, 1.0)


class CompactFeatures(nn.Module):
    """Projection of maps ``[N, channels, h, w]`` to smoothed maps ``[N, 48, h, w]``.

    ``mean`` and ``deviation`` are ``[channels]``, ``directions`` ``[channels, 48]``."""

    def __init__(self, mean: Tensor, deviation: Tensor, directions: Tensor) -> None:
        super().__init__()
        weights = (directions / deviation.unsqueeze(1)).T
        self.register_buffer("weights", weights[:, :, None, None].contiguous())
        self.register_buffer("bias", -weights @ mean)
        self.weights: Tensor
        self.bias: Tensor

    def forward(self, maps: Tensor) -> Tensor:
        return smooth_maps(F.conv2d(maps, self.weights, self.bias))


def smooth_maps(maps: Tensor) -> Tensor:
    """Return maps ``[N, channels, h, w]`` averaged over 3 × 3 positions with a hat kernel."""
    hat = torch.tensor(SMOOTHING_KERNEL, device=maps.device, dtype=maps.dtype)
    kernel = (hat[:, None] * hat / hat.sum() ** 2).expand(maps.shape[1], 1, -1, -1)
    return F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="replicate"), kernel, groups=maps.shape[1])


def fit_compact_features(calibration_maps: Tensor) -> CompactFeatures:
    """Fit principal components to the maps ``[N, channels, H/8, W/8]`` of calibration images.

    The same maps give the same directions."""
    with torch.no_grad():
        maps = smooth_maps(calibration_maps)
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2).double().cpu()
    mean, deviation = channel_statistics(rows)
    standard = (rows - mean) / deviation
    # Eigenvalues ascend, so the last vectors are the main components.
    _, vectors = torch.linalg.eigh(standard.T @ standard / len(rows))
    return CompactFeatures(mean.float(), deviation.float(), vectors[:, -COMPACT_CHANNELS:].flip(1).float())


def channel_statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each column of ``[n, channels]``; deviations are at least 1e-4."""
    return rows.mean(0), rows.std(0).clamp_min(MIN_DEVIATION)


@cache
def calibration_images() -> Tensor:
    """Return 32 drawn images, RGB float32 ``[32, 3, 128, 128]`` in [0, 1], always the same."""
    drawn = np.stack([draw_picture(SEED, index, SIDE) for index in range(CALIBRATION_COUNT)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
