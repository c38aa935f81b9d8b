"""Several novelty detectors as one: each errs in its own way, and what all of them find strange is strange."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The name that the detectors have together, and those among them that know no place
ENSEMBLE = "together"
NON_LOCALIZING = frozenset({"whole", "second_whole"})
# Nothing is so familiar that it outweighs what the others find strange: a part that a memory holds has a distance of 0.
MIN_ZSCORE = -3.0
MIN_SCORE, MIN_DEVIATION = 1e-9, 1e-3
Floats = NDArray[np.float64]


class LogScoreStatistics(NamedTuple):
    """Mean and deviation of the logarithm of a detector's scores of held-out good parts."""

    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class DetectorEnsemble:
    """The mean, over detectors, of how many deviations the logarithm of a part's score lies above what held-out good
    parts have, through a softplus: never below 0, 0.7 for an ordinary good part, the deviations themselves for an odd
    one."""

    log_scores: dict[str, LogScoreStatistics]

    def combine(self, scores: Mapping[str, Sequence[float]]) -> list[float]:
        """Of scores by detector, each ``[n]``: one score a part, ``[n]``."""
        standard = [
            np.maximum((_log(scores[name]) - level.mean) / level.deviation, MIN_ZSCORE)
            for name, level in self.log_scores.items()
        ]
        found: list[float] = np.logaddexp(0, np.mean(standard, axis=0)).tolist()
        return found

    @property
    def localizing(self) -> list[str]:
        """The detectors whose maps say where; all of them where none does."""
        return [name for name in self.log_scores if name not in NON_LOCALIZING] or list(self.log_scores)


def fit_ensemble(good: Mapping[str, Sequence[float]]) -> DetectorEnsemble | None:
    """From the scores that each detector gave to good parts it had not learned from; None where fewer than two of
    them are worth asking together."""
    logs = {name: _log(good[name]) for name in ensemble_members(good)}
    levels = {
        name: LogScoreStatistics(float(one.mean()), max(float(one.std()), MIN_DEVIATION)) for name, one in logs.items()
    }
    return DetectorEnsemble(levels) if len(levels) > 1 else None


def ensemble_members(names: Collection[str]) -> list[str]:
    """Those of the detectors that decide together. What errs like a better one only dilutes it: the features'
    autoencoder beside a memory of the same features, one memory beside two as one, the first network's distance of
    whole parts beside the second's (measured in docs/quality.md)."""
    better = {"whole": "second_whole", "memory": "places"}
    diluting = {"features", *(worse for worse, other in better.items() if other in names)}
    return [name for name in names if name not in diluting]


def _log(values: Sequence[float]) -> Floats:
    found: Floats = np.log(np.maximum(np.asarray(values, np.float64), MIN_SCORE))
    return found
