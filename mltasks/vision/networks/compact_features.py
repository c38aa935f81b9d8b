"""Fine detail in few numbers: what the two networks see at an eighth of the input, along the directions that matter.

At a sixteenth of the input a blowhole or a hairline is smaller than a cell. At an eighth there are four times as many
cells, too many to keep 176 channels of thousands of images. So they are projected on principal components, those of
pictures that this project's own code draws: no part of any product decides what is kept of it.
"""

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
# What a cell shows of its surroundings: a hat, which blurs less than the mean of 3 × 3
SMOOTHING_KERNEL = (1.0, 2.0, 1.0)


class CompactFeatures(nn.Module):
    """Maps ``[N, channels, h, w]`` to ``[N, 48, h, w]``: each position with its neighbours, projected. ``mean`` and
    ``deviation`` are ``[channels]``, ``directions`` ``[channels, 48]``."""

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
    """Each position averaged with its neighbours, near ones more; ``[N, channels, h, w]`` stays."""
    hat = torch.tensor(SMOOTHING_KERNEL, device=maps.device, dtype=maps.dtype)
    kernel = (hat[:, None] * hat / hat.sum() ** 2).expand(
        maps.shape[1], 1, len(SMOOTHING_KERNEL), len(SMOOTHING_KERNEL)
    )
    return F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="replicate"), kernel, groups=maps.shape[1])


def fit_compact_features(calibration_maps: Tensor) -> CompactFeatures:
    """Principal components of what a network sees in ``calibration_images``: its maps ``[N, channels, H/8, W/8]``.
    The same
    maps give the same directions."""
    with torch.no_grad():
        maps = smooth_maps(calibration_maps)
    rows = maps.permute(0, 2, 3, 1).flatten(0, 2).double().cpu()
    mean, deviation = rows.mean(0), rows.std(0).clamp_min(MIN_DEVIATION)
    standard = (rows - mean) / deviation
    # Ascending: the last are those along which the pictures differ most.
    _, vectors = torch.linalg.eigh(standard.T @ standard / len(rows))
    return CompactFeatures(mean.float(), deviation.float(), vectors[:, -COMPACT_CHANNELS:].flip(1).float())


@cache
def calibration_images() -> Tensor:
    """32 drawn pictures, RGB float32 ``[32, 3, 128, 128]`` in [0, 1]; always the same."""
    drawn = np.stack([draw_picture(SEED, index, SIDE) for index in range(CALIBRATION_COUNT)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
