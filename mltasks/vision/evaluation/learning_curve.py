"""Learning curve: average precision by number of labels, measured on the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.stats.intervals import Estimate, PartBootstrap
from mltasks.vision.stats.metrics import average_precision

Floats = NDArray[np.float64]


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
    rows = [_in_order(one.predictions) for one in curve_predictions]
    targets = np.array([one.target for one in rows[0]])
    bootstrap = PartBootstrap([one.part for one in rows[0]], targets.tolist(), seed)
    scores = [np.array([one.probability for one in some]) for some in rows]
    points: list[LearningCurvePoint] = []
    for number, one in enumerate(curve_predictions):
        here = scores[number]
        found = bootstrap.estimate(lambda w, here=here: average_precision(here, targets, w))  # type: ignore[misc]
        gain = _gain(bootstrap, scores[number - 1], here, targets) if number else None
        points.append(LearningCurvePoint(one.label_count, found, gain))
    return points


def _gain(bootstrap: PartBootstrap, before: Floats, after: Floats, targets: NDArray[np.int64]) -> Estimate:
    return bootstrap.estimate(lambda w: average_precision(after, targets, w) - average_precision(before, targets, w))


def _in_order(predictions: Sequence[Prediction]) -> list[Prediction]:
    return sorted(predictions, key=lambda one: (one.split, one.name, one.sha256))
