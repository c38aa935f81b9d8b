"""Checks of the training settings that follow from a speed or a time budget."""

from __future__ import annotations

from mltasks.vision.calibration.operating_point import KEEP_ALL_SCORES
from mltasks.vision.speeds import check_budget, check_speed
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.fit_detectors import DETECTORS
from mltasks.vision.training.folds import OPTIONAL_HEADS


def check_speed_settings(config: TrainConfig) -> None:
    """Check speed, budget and the settings of score sets. Raises ValueError."""
    check_speed(config.speed)
    check_budget(config.budget_ms)
    names = (*OPTIONAL_HEADS, *DETECTORS)
    if not set(config.left_out_scores) <= set(names):
        raise ValueError(f"left_out_scores must be among {', '.join(names)}.")
    if config.score_removals < KEEP_ALL_SCORES:
        raise ValueError(f"score_removals must be at least {KEEP_ALL_SCORES}, not {config.score_removals}.")
    if config.trade_points < 0:
        raise ValueError(f"trade_points must be at least 0, not {config.trade_points}.")
