"""A part under even light: what lamps, exposure and slow slopes of brightness add is taken out, the local stays."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

DOWNSAMPLING = 8
# The width of the light that is taken out, as a share of the longer side, and where the Gaussian is cut off
BLUR_WIDTH, BLUR_CUTOFF = 1 / 8, 2.0
# The mean distance from the light becomes so much of the range; noise of a flat picture is not blown up beyond reason.
TARGET_CONTRAST, MIN_CONTRAST = 18 / 255, 0.14 / 255
MID_GRAY = 0.5


def normalize_illumination(rgb: Tensor) -> Tensor:
    """RGB in [0, 1], ``[N, 3, H, W]`` with H and W multiples of 8, to the same shape and range: minus the brightness
    blurred by a Gaussian of an eighth of the longer side, over the mean distance from it (divisive and subtractive
    normalisation as in Jarrett et al., "What is the best multi-stage architecture for object recognition?", ICCV 2009,
    at the scale of the part)."""
    brightness = rgb.mean(1, keepdim=True)
    light = F.interpolate(
        _gaussian_blur(F.avg_pool2d(brightness, DOWNSAMPLING)), scale_factor=float(DOWNSAMPLING), mode="bilinear"
    )
    distance = (brightness - light).abs().mean((1, 2, 3), keepdim=True)
    return ((rgb - light) * (TARGET_CONTRAST / (distance + MIN_CONTRAST)) + MID_GRAY).clamp(0, 1)


def _gaussian_blur(small: Tensor) -> Tensor:
    # While tracing, a shape is a tensor until it is made a number.
    deviation = max(int(small.shape[2]), int(small.shape[3])) * BLUR_WIDTH
    reach = max(1, int(BLUR_CUTOFF * deviation))
    weights = torch.exp(-torch.arange(-reach, reach + 1, device=small.device).float().square() / (2 * deviation**2))
    weights = weights / weights.sum()
    wide = F.pad(small, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(wide, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
