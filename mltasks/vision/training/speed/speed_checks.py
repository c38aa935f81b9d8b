"""Checks of the training settings that follow from a speed."""

from __future__ import annotations

from mltasks.vision.speeds import check_budget, check_speed
from mltasks.vision.training.fit_detectors import DETECTORS
from mltasks.vision.training.folds import OPTIONAL_HEADS
from mltasks.vision.types import TrainConfig


def check_speed_settings(config: TrainConfig) -> None:
    """Check speed, budget and left-out scores. Raises ValueError."""
    check_speed(config.speed)
    check_budget(config.budget_ms)
    names = (*OPTIONAL_HEADS, *DETECTORS)
    if not set(config.left_out_scores) <= set(names):
        raise ValueError(f"left_out_scores must be among {', '.join(names)}.")
