"""Training of one fold on chosen labels and scoring of chosen parts, shared by protocols.

A fifth of the labels is set aside for calibration, where the product cross-validates. Training takes a sixth of the
time and gives somewhat lower figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import PreparedParts
from mltasks.vision.data.splits import split_in_two
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.training.folds import train_fold
from mltasks.vision.training.out_of_fold import collect_held_out, operating_point_of, select_held_out
from mltasks.vision.training.progress import Stage

CALIBRATION_SHARES = {"inside": 0.8, "settling": 0.2}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldScores:
    """Fused logits, calibrated probabilities and novelty of the test parts, each ``[n]``.

    Novelty is the deciding detector's score over its threshold.
    """

    logits: Floats
    probabilities: Floats
    novelty: Floats


def train_and_score(
    parts: PreparedParts, labeled: Sequence[int], test: Sequence[int], seed: int, stage: Stage
) -> FoldScores:
    """Train on four fifths of the labeled indices, calibrate on the rest, and score ``test``."""
    context = parts.with_seed(seed).for_label_count(len(labeled))
    train, calibration = split_in_two(parts.samples, labeled, CALIBRATION_SHARES, derive_seed(seed, "settling"))
    fold = train_fold(context, train, [*calibration, *test], derive_seed(seed, "round"), stage)
    count = len(calibration)
    operating_point = operating_point_of([select_held_out(fold, range(count))], context)
    scores = collect_held_out([select_held_out(fold, range(count, len(fold.held_out)))], context).scores
    logits = operating_point.fusion.logits(scores)
    novelty = np.asarray(operating_point.novelty(scores)[operating_point.detector], np.float64)
    return FoldScores(logits, operating_point.calibrator.probability(logits), novelty)


def review_score(scores: FoldScores, known_good: NDArray[np.bool_]) -> Floats:
    """Return the larger of standardized logit and standardized log novelty, per part.

    Both are standardized by mean and deviation of the good parts (``known_good``).
    """
    columns = (scores.logits, np.log(np.maximum(scores.novelty, 1e-9)))
    standard = [(column - column[known_good].mean()) / max(float(column[known_good].std()), 1e-9) for column in columns]
    return np.asarray(np.maximum(*standard), np.float64)
