"""How large a network should see a product's parts: their own shape, and as many pixels as the budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.data.decoding import region_size
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.networks.trunk import STRIDE
from mltasks.vision.types import InputSize, Sample, TrainConfig

# 4.8 times the pixels of 224 × 224, and as many times its computing: thin scratches need them.
PIXEL_BUDGET = 240_000
MIN_SIDE = 64
SAMPLED_IMAGES = 500
# Of parts of many shapes, so many fit without being made smaller than the budget asks.
COVERED_QUANTILE = 0.8


def choose_input_size(regions: Sequence[tuple[float, float]], budget: int = PIXEL_BUDGET) -> InputSize:
    """The input for regions (width, height) in pixels: multiples of 32, hardly larger than the regions themselves and
    of at most about ``budget`` pixels. Raises ValueError without any."""
    if not regions:
        raise ValueError("There is no image to choose a size from.")
    width, height = np.quantile(np.asarray(regions, np.float64), COVERED_QUANTILE, axis=0)
    scale = min(1.0, (budget / (width * height)) ** 0.5)
    # A part as thin as a wire is drawn thicker than it is, so its length must give way.
    longest = budget // MIN_SIDE // STRIDE * STRIDE
    return InputSize(min(longest, _round_to_stride(height * scale)), min(longest, _round_to_stride(width * scale)))


def resolve_input_size(config: TrainConfig, samples: Sequence[Sample]) -> TrainConfig:
    """The config with its size chosen where it is 0. Images that can't be read are left to training, which names
    them."""
    if config.height and config.width:
        return config
    step = max(1, len(samples) // SAMPLED_IMAGES)
    regions = [found for sample in samples[::step] if (found := _region(sample))]
    size = choose_input_size(regions) if regions else InputSize(MIN_SIDE, MIN_SIDE)
    return replace(config, height=config.height or size.height, width=config.width or size.width)


def _region(sample: Sample) -> tuple[float, float] | None:
    try:
        return region_size(sample.path, sample.roi)
    except (ImageError, OSError):
        return None


def _round_to_stride(side: float) -> int:
    return max(MIN_SIDE, round(side / STRIDE) * STRIDE)
