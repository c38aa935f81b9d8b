"""Illumination normalization: removes lamps, exposure and slow brightness gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.networks.resampling import enlarge

DOWNSAMPLING = 8
# Gaussian blur: width as a share of the longer side, and cut-off in deviations
BLUR_WIDTH, BLUR_CUTOFF = 1 / 8, 2.0
# Mean distance to the blurred brightness after normalization, and a floor that limits the gain of noise in flat images
TARGET_CONTRAST, MIN_CONTRAST = 18 / 255, 0.14 / 255
MID_GRAY = 0.5


def normalize_illumination(rgb: Tensor) -> Tensor:
    """Normalize RGB ``[N, 3, H, W]`` in [0, 1]; H and W are multiples of 8.

    The brightness, blurred by a Gaussian of an eighth of the longer side, is subtracted. The result is divided by the
    mean distance to the blurred brightness; shape and range stay. Divisive and subtractive normalization as in Jarrett
    et al., "What is the best multi-stage architecture for object recognition?", ICCV 2009, at the scale of the part."""
    brightness = rgb.mean(1, keepdim=True)
    light = enlarge(_gaussian_blur(F.avg_pool2d(brightness, DOWNSAMPLING)), DOWNSAMPLING)
    distance = (brightness - light).abs().mean((1, 2, 3), keepdim=True)
    return ((rgb - light) * (TARGET_CONTRAST / (distance + MIN_CONTRAST)) + MID_GRAY).clamp(0, 1)


def _gaussian_blur(small: Tensor) -> Tensor:
    # During tracing a shape is a tensor; int makes it a constant.
    deviation = max(int(small.shape[2]), int(small.shape[3])) * BLUR_WIDTH
    reach = max(1, int(BLUR_CUTOFF * deviation))
    weights = torch.exp(-torch.arange(-reach, reach + 1, device=small.device).float().square() / (2 * deviation**2))
    weights = weights / weights.sum()
    wide = F.pad(small, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(wide, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
