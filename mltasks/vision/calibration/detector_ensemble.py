"""Ensemble of novelty detectors: mean of their standardized log scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.calibration.fusion import MIN_SCORE

# Name of the ensemble among the detectors, and the detectors that do not localize
ENSEMBLE = "together"
NON_LOCALIZING = frozenset({"whole", "second_whole"})
# Lower bound of a z-score: a part that a memory holds has a distance of 0, which must not outweigh the other detectors.
MIN_ZSCORE = -3.0
MIN_DEVIATION = 1e-3
Floats = NDArray[np.float64]


class LogScoreStatistics(NamedTuple):
    """Mean and standard deviation of a detector's log scores of held-out good parts."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class DetectorEnsemble:
    """Detector ensemble: softplus of the mean z-score of the detectors' log scores.

    The z-score counts standard deviations above held-out good parts. The ensemble score is never below 0, 0.7 for an
    ordinary good part, and about the z-score for an unusual part.
    """

    log_scores: dict[str, LogScoreStatistics]

    def combine(self, scores: Mapping[str, Sequence[float]]) -> list[float]:
        """Combine scores by detector, each ``[n]``, into one score per part ``[n]``."""
        standard = [
            np.maximum((_log(scores[name]) - level.mean) / level.deviation, MIN_ZSCORE)
            for name, level in self.log_scores.items()
        ]
        combined: list[float] = np.logaddexp(0, np.mean(standard, axis=0)).tolist()
        return combined

    @property
    def localizing(self) -> list[str]:
        """Return the detectors whose maps localize; all detectors if none does."""
        return [name for name in self.log_scores if name not in NON_LOCALIZING] or list(self.log_scores)


def fit_ensemble(good: Mapping[str, Sequence[float]]) -> DetectorEnsemble | None:
    """Fit the ensemble to each detector's scores of held-out good parts.

    None if fewer than two detectors belong to an ensemble.
    """
    logs = {name: _log(good[name]) for name in ensemble_members(good)}
    levels = {
        name: LogScoreStatistics(float(scores.mean()), max(float(scores.std()), MIN_DEVIATION))
        for name, scores in logs.items()
    }
    return DetectorEnsemble(levels) if len(levels) > 1 else None


def ensemble_members(names: Collection[str]) -> list[str]:
    """Return the detectors that decide together.

    A detector that errs like a better one only dilutes the ensemble (measured in docs/quality.md):

    - ``features`` (the features' autoencoder) beside a memory of the same features
    - ``memory`` beside ``places``, the multi-scale memory
    - ``whole`` beside ``second_whole``, the same statistics of the auxiliary backbone
    """
    better = {"whole": "second_whole", "memory": "places"}
    diluting = {"features", *(worse for worse, other in better.items() if other in names)}
    return [name for name in names if name not in diluting]


def _log(values: Sequence[float]) -> Floats:
    logs: Floats = np.log(np.maximum(np.asarray(values, np.float64), MIN_SCORE))
    return logs
