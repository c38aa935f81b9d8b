"""What takes how long in a training run, roughly: for progress that moves evenly and a time left to be believed.

All costs are in looks: what the trunk and its companion take for one image or view of the run's size (0.19 s at
352 × 512 on two slow cores). Measured on 37 phone cases and 1,075 magnetic tiles.
"""

from __future__ import annotations

from collections.abc import Sequence

from mltasks.vision.training.feature_bank import views_per_image
from mltasks.vision.training.fit_autoencoder import MIN_DRAWS, epoch_count
from mltasks.vision.training.learning_curve_trials import trial_config
from mltasks.vision.types import TrainConfig

# One draw of the dense heads, of the companion's blocks that learn, of the pooled head, and of the autoencoder
DENSE_DRAW_COST, STAGE_DRAW_COST, POOLED_DRAW_COST, PIXEL_DRAW_COST = 0.01, 0.19, 0.6, 0.018
# A round's detectors and answers: of each image, and of any number
SCORING_COST, FOLD_COST = 0.15, 30
# Of the pooled head's epochs, what early stopping leaves, by experience
EARLY_STOPPING_SHARE = 0.6


def progress_shares(
    learning: int, folds: bool, config: TrainConfig, trials: Sequence[tuple[int, int]] = ()
) -> tuple[float, float]:
    """Where looking at the parts ends and where teaching does, as shares of a run's time, above 0 and at most 1; what
    is left tries fewer labels. ``learning`` is the number of images to learn from, ``trials`` the labels of each such
    trial and its rounds."""
    rounds = config.folds + 1 if folds else 1
    looking = learning * (1 + views_per_image(learning, config))
    teaching = rounds * _fold_cost(learning, config)
    trying = sum(count * _fold_cost(labels, trial_config(config)) for labels, count in trials)
    whole = looking + teaching + trying
    return looking / whole, (looking + teaching) / whole


def _fold_cost(learning: int, config: TrainConfig) -> float:
    draws = min(config.oversampling * learning, config.draws_cap)
    heads = 2 if config.companion else 1
    if config.head == "dense":
        teaching = DENSE_DRAW_COST * heads * config.dense_epochs * draws
        if config.companion and learning >= config.stage_labels:
            teaching += STAGE_DRAW_COST * config.stage_epochs * draws
    else:
        teaching = POOLED_DRAW_COST * EARLY_STOPPING_SHARE * config.max_epochs * draws
    pixels = PIXEL_DRAW_COST * epoch_count(learning, config) * min(max(learning, MIN_DRAWS), config.draws_cap)
    return teaching + pixels + SCORING_COST * learning + FOLD_COST
