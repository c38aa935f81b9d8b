"""Numbers behind a report's figures, as plain JSON types."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.stats.intervals import proportion
from mltasks.vision.types import DEFECT, GOOD

CALIBRATION_BINS = 10
MIN_BIN_IMAGES = 5
ERROR_BINS = 30
MIN_RATIO = 0.01


def calibration_bins(predictions: Sequence[Prediction]) -> list[dict[str, float | int | None]]:
    """Return predicted and observed shares of defects per bin.

    Up to ten bins of equally many images, at least five each.
    """
    ordered = sorted(predictions, key=lambda one: one.probability)
    count = max(1, min(CALIBRATION_BINS, len(ordered) // MIN_BIN_IMAGES))
    bins = []
    for chunk in np.array_split(np.arange(len(ordered)), count):
        members = [ordered[index] for index in chunk]
        observed = proportion([one.target == DEFECT for one in members], [one.part for one in members])
        bins.append(
            {
                "predicted": float(np.mean([one.probability for one in members])),
                "observed": observed.value,
                "low": observed.low,
                "high": observed.high,
                "n": len(members),
            }
        )
    return bins


def error_histogram(predictions: Sequence[Prediction], threshold: float) -> dict[str, list[float] | list[int]]:
    """Count reconstruction errors of good and defective parts on common edges.

    Each error is scaled by the version's threshold over its own fold's threshold, so one threshold line fits all folds.
    """
    errors = np.array([one.reconstruction_error * threshold / one.anomaly_threshold for one in predictions])
    targets = np.array([one.target for one in predictions])
    edges = np.linspace(0, max(float(errors.max()), threshold) * 1.02, ERROR_BINS + 1)
    good, _ = np.histogram(errors[targets == GOOD], edges)
    defect, _ = np.histogram(errors[targets == DEFECT], edges)
    return {"edges": edges.tolist(), "good": good.tolist(), "defect": defect.tolist()}


def novelty_histogram(predictions: Sequence[Prediction]) -> dict[str, list[float] | list[int]]:
    """Count the deciding detector's scores over thresholds, good and defective, on common edges.

    The edges are logarithmic; above 1 is novel. Scores below 0.01 count as 0.01.
    """
    values = np.maximum([one.good_part_novelty for one in predictions], MIN_RATIO)
    targets = np.array([one.target for one in predictions])
    edges = np.geomspace(min(float(values.min()), 0.8) * 0.98, max(float(values.max()), 1.25) * 1.02, ERROR_BINS + 1)
    good, _ = np.histogram(values[targets == GOOD], edges)
    defect, _ = np.histogram(values[targets == DEFECT], edges)
    return {"edges": edges.tolist(), "good": good.tolist(), "defect": defect.tolist()}
