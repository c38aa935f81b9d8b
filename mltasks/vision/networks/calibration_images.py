"""Drawn images that calibrate embeddings, and statistics of channels."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from mltasks.vision.drawing.scenes import draw_picture

CALIBRATION_COUNT, SIDE, SEED = 32, 128, 0
MIN_DEVIATION = 1e-4


def channel_statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each column of ``[n, channels]``; deviations are at least 1e-4."""
    return rows.mean(0), rows.std(0).clamp_min(MIN_DEVIATION)


@cache
def calibration_images() -> Tensor:
    """Return 32 drawn images, RGB float32 ``[32, 3, 128, 128]`` in [0, 1], always the same."""
    drawn = np.stack([draw_picture(SEED, index, SIDE) for index in range(CALIBRATION_COUNT)])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).float() / 255
