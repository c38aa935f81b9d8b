"""Rough cost model of a training run, for even progress and a credible remaining time.

The cost unit is one feature extraction: the time of trunk and auxiliary backbone for one image or view of the run's
size. Measured on 37 phone cases and 1,344 magnetic tiles."""

from __future__ import annotations

from collections.abc import Sequence

from mltasks.vision.train_config import SEGMENTATION_RECIPE, TrainConfig
from mltasks.vision.training.features.feature_bank import synthetic_per_image, views_per_image
from mltasks.vision.training.fit_autoencoder import MIN_DRAWS, epoch_count
from mltasks.vision.training.fit_segmentation import MIN_DRAWS as SEGMENTATION_DRAWS
from mltasks.vision.training.learning_curve_trials import trial_config

# Cost of one draw of the segmentation head, the fine-tuned blocks, the pooled head and the pixel autoencoder
SEGMENTATION_DRAW_COST, STAGE_DRAW_COST, POOLED_DRAW_COST, PIXEL_DRAW_COST = 0.1, 0.49, 2.6, 0.08
# Cost of a fold's detectors and scoring: per image, and fixed
SCORING_COST, FOLD_COST = 0.26, 130
# Share of the pooled head's epochs that run before early stopping, from experience
EARLY_STOPPING_SHARE = 0.6


def progress_shares(
    learning: int, folds: bool, config: TrainConfig, trials: Sequence[tuple[int, int]] = ()
) -> tuple[float, float]:
    """Return the shares of a run's time at which feature extraction and training end.

    Both are above 0 and at most 1; the rest is for the learning-curve trials. ``learning`` is the number of training
    images. ``trials`` holds the number of labels and of trainings of each trial."""
    extraction = learning * (1 + views_per_image(learning, config) + synthetic_per_image(learning, config))
    training = (config.folds + 1 if folds else 1) * _fold_cost(learning, config)
    curve = sum(count * _fold_cost(labels, trial_config(config)) for labels, count in trials)
    total = extraction + training + curve
    return extraction / total, (extraction + training) / total


def _fold_cost(learning: int, config: TrainConfig) -> float:
    draws = min(config.oversampling * learning, config.draws_cap)
    if config.head == SEGMENTATION_RECIPE:
        training = SEGMENTATION_DRAW_COST * config.dense_epochs * min(max(draws, SEGMENTATION_DRAWS), config.draws_cap)
        if config.companion and learning >= config.stage_labels:
            training += STAGE_DRAW_COST * config.stage_epochs * draws
    else:
        training = POOLED_DRAW_COST * EARLY_STOPPING_SHARE * config.max_epochs * draws
    pixels = PIXEL_DRAW_COST * epoch_count(learning, config) * min(max(learning, MIN_DRAWS), config.draws_cap)
    return training + pixels + SCORING_COST * learning + FOLD_COST
