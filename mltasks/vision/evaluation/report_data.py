"""Numbers behind a report's figures, as plain JSON types."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.stats.intervals import proportion
from mltasks.vision.types import DEFECT, GOOD

CALIBRATION_BINS = 10
MIN_BIN_IMAGES = 5
ERROR_BINS = 30
MIN_RATIO = 0.01
Histogram = dict[str, list[float] | list[int]]


def calibration_bins(predictions: Sequence[Prediction]) -> list[dict[str, float | int | None]]:
    """Return predicted and observed shares of defects per bin.

    Up to ten bins of equally many images, at least five each.
    """
    ordered = sorted(predictions, key=lambda row: row.probability)
    count = max(1, min(CALIBRATION_BINS, len(ordered) // MIN_BIN_IMAGES))
    bins = []
    for chunk in np.array_split(np.arange(len(ordered)), count):
        members = [ordered[index] for index in chunk]
        observed = proportion([row.target == DEFECT for row in members], [row.part for row in members])
        bins.append(
            {
                "predicted": float(np.mean([row.probability for row in members])),
                "observed": observed.value,
                "low": observed.low,
                "high": observed.high,
                "n": len(members),
            }
        )
    return bins


def error_histogram(predictions: Sequence[Prediction], threshold: float) -> Histogram:
    """Count reconstruction errors of good and defective parts on common edges.

    Each error is scaled by the version's threshold over its own fold's threshold, so one threshold line fits all folds.
    """
    errors = np.array([row.reconstruction_error * threshold / row.anomaly_threshold for row in predictions])
    edges = np.linspace(0, max(float(errors.max()), threshold) * 1.02, ERROR_BINS + 1)
    return _histogram(predictions, errors, edges)


def novelty_histogram(predictions: Sequence[Prediction]) -> Histogram:
    """Count the deciding detector's scores over thresholds, good and defective, on common edges.

    The edges are logarithmic; above 1 is novel. Scores below 0.01 count as 0.01.
    """
    values = np.maximum([row.good_part_novelty for row in predictions], MIN_RATIO)
    edges = np.geomspace(min(float(values.min()), 0.8) * 0.98, max(float(values.max()), 1.25) * 1.02, ERROR_BINS + 1)
    return _histogram(predictions, values, edges)


def _histogram(rows: Sequence[Prediction], values: NDArray[np.float64], edges: NDArray[np.float64]) -> Histogram:
    targets = np.array([row.target for row in rows])
    good, defect = (np.histogram(values[targets == target], edges)[0].tolist() for target in (GOOD, DEFECT))
    return {"edges": edges.tolist(), "good": good, "defect": defect}
