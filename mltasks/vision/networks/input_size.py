"""Choice of a product's input size: the parts' own shape within a pixel budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.data.decoding import region_size
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.networks.trunk import STRIDE
from mltasks.vision.speeds import SPEEDS
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import InputSize, Sample

# 4.8 times the pixels and computing time of 224 × 224: thin scratches need them.
PIXEL_BUDGET = 240_000
MIN_SIDE = 64
SAMPLED_IMAGES = 500
# Share of the regions that fit without more downscaling than the budget needs.
COVERED_QUANTILE = 0.8


def choose_input_size(regions: Sequence[tuple[float, float]], budget: int = PIXEL_BUDGET) -> InputSize:
    """Return the input size for regions (width, height) in pixels, as multiples of 32.

    It is hardly larger than the regions and has at most about ``budget`` pixels. Raises ValueError without regions."""
    if not regions:
        raise ValueError("There is no image to choose a size from.")
    width, height = np.quantile(np.asarray(regions, np.float64), COVERED_QUANTILE, axis=0)
    scale = min(1.0, (budget / (width * height)) ** 0.5)
    # A very thin part is widened to MIN_SIDE, so its length must shrink.
    longest = budget // MIN_SIDE // STRIDE * STRIDE
    return InputSize(min(longest, _round_to_stride(height * scale)), min(longest, _round_to_stride(width * scale)))


def pixel_budget(config: TrainConfig) -> int:
    """Return the most pixels that a derived input has at the config's speed."""
    return round(PIXEL_BUDGET * SPEEDS[config.speed].pixel_share)


def resolve_input_size(config: TrainConfig, samples: Sequence[Sample], budget: int = 0) -> TrainConfig:
    """Return the config with its size chosen where it is 0, for ``budget`` pixels (0: those of the config's speed).

    Unreadable images are ignored here; training reports them."""
    if config.height and config.width:
        return config
    step = max(1, len(samples) // SAMPLED_IMAGES)
    regions = [region for sample in samples[::step] if (region := _region(sample))]
    size = choose_input_size(regions, budget or pixel_budget(config)) if regions else InputSize(MIN_SIDE, MIN_SIDE)
    return replace(config, height=config.height or size.height, width=config.width or size.width)


def _region(sample: Sample) -> tuple[float, float] | None:
    try:
        return region_size(sample.path, sample.roi)
    except (ImageError, OSError):
        return None


def _round_to_stride(side: float) -> int:
    return max(MIN_SIDE, round(side / STRIDE) * STRIDE)
