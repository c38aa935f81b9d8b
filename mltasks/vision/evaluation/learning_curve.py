"""Learning curve: average precision by number of labels, measured on the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.stats.intervals import Estimate, Floats, PartBootstrap
from mltasks.vision.stats.metrics import average_precision


@dataclass(frozen=True, slots=True)
class CurvePrediction:
    """Predictions of held-out parts by a training on ``label_count`` labels (images)."""

    label_count: int
    predictions: list[Prediction]


@dataclass(frozen=True, slots=True)
class LearningCurvePoint:
    """Average precision with ``label_count`` labels, and the gain over the point before.

    ``gain`` is None for the first point. Both intervals are bootstraps over the measured parts; the choice of the
    labels is not resampled.
    """

    label_count: int
    average_precision: Estimate
    gain: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        gain = self.gain.to_json() if self.gain else None
        return {"labels": self.label_count, "average_precision": self.average_precision.to_json(), "gain": gain}


def learning_curve(curve_predictions: Sequence[CurvePrediction], seed: int) -> list[LearningCurvePoint]:
    """Return one point per entry, in order; all entries must predict the same parts."""
    if not curve_predictions:
        return []
    trials = [
        sorted(trial.predictions, key=lambda row: (row.split, row.name, row.sha256)) for trial in curve_predictions
    ]
    targets = np.array([row.target for row in trials[0]])
    bootstrap = PartBootstrap([row.part for row in trials[0]], targets.tolist(), seed)
    scores = [np.array([row.probability for row in rows]) for rows in trials]

    def precision(number: int, weights: Floats) -> Floats:
        return average_precision(scores[number], targets, weights)

    points: list[LearningCurvePoint] = []
    for number, trial in enumerate(curve_predictions):
        value = bootstrap.estimate(lambda w: precision(number, w))  # noqa: B023 - called at once
        gain = bootstrap.estimate(lambda w: precision(number, w) - precision(number - 1, w)) if number else None  # noqa: B023
        points.append(LearningCurvePoint(trial.label_count, value, gain))
    return points
