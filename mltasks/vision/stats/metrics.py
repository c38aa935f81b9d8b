"""Metrics under sample weights, many weightings at once: one pass gives a value and its bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CALIBRATION_BINS, CHANCE_DRAWS = 10, 1000


def auroc(scores: Floats, targets: Ints, weights: Floats) -> Floats:
    """Area under the ROC curve for each row of ``weights`` ``[b, n]``: the chance that a defect scores above a good
    part, ties counted half. NaN where a class has no weight."""
    positive, negative = _by_score(scores, targets, weights)
    above = np.cumsum(positive, axis=1) - positive
    pairs = (negative * (above + positive / 2)).sum(axis=1)
    return _divide(pairs, positive.sum(axis=1) * negative.sum(axis=1))


def auroc_standard_error(area: float, defects: int, good: int) -> float:
    """The standard error of an area under the ROC curve from so many defective and good parts (Hanley and McNeil,
    Radiology 143, 1982)."""
    both_above, both_below = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (defects - 1) * (both_above - area**2) + (good - 1) * (both_below - area**2)
    return float((max(0.0, spread) / (defects * good)) ** 0.5)


def average_precision(scores: Floats, targets: Ints, weights: Floats) -> Floats:
    """Average precision for each row of ``weights`` ``[b, n]``: precision at each distinct score, weighted by the
    recall it adds. NaN where no defect has weight."""
    positive, negative = _by_score(scores, targets, weights)
    found = np.cumsum(positive, axis=1)
    precision = _divide(found, found + np.cumsum(negative, axis=1), empty=0.0)
    return _divide((positive * precision).sum(axis=1), positive.sum(axis=1))


def precision_recall_curve(scores: Floats, targets: Ints) -> list[tuple[float, float, float]]:
    """Points (recall, precision, score) from the highest score down, one for each distinct score. Empty without a
    defect."""
    positive, negative = _by_score(scores, targets, np.ones((1, len(scores))))
    found, alarms = np.cumsum(positive[0]), np.cumsum(negative[0])
    if not len(scores) or found[-1] == 0:
        return []
    levels = np.unique(scores)[::-1]
    return [
        (float(hits / found[-1]), float(hits / (hits + wrong)), float(level))
        for hits, wrong, level in zip(found, alarms, levels, strict=True)
    ]


def calibration_error(probabilities: Floats, targets: Ints, weights: Floats, bins: int = CALIBRATION_BINS) -> Floats:
    """Expected calibration error for each row of ``weights`` ``[b, n]``, in [0, 1]: how far stated probability and
    observed share of defects lie apart on average, over bins of equally many images (Naeini, Cooper and Hauskrecht,
    AAAI 2015; Guo et al., ICML 2017). NaN without any weight.

    Chance alone makes it more than 0: compare it with ``chance_calibration_error``.
    """
    member = _bins(probabilities, bins)
    gap = (weights * (targets - probabilities)) @ member
    return _divide(np.abs(gap).sum(axis=1), weights.sum(axis=1))


def chance_calibration_error(probabilities: Floats, parts: Sequence[str], seed: int) -> float:
    """The expected calibration error that perfect probabilities would show by chance on as many parts: the mean over
    1000 draws of outcomes that follow them (Bröcker and Smith, Weather and Forecasting 22, 2007). Images of one part
    share their luck."""
    part = np.unique(np.asarray(parts), return_inverse=True)[1]
    luck = np.random.default_rng(seed).random((CHANCE_DRAWS, part.max() + 1))[:, part]
    gap = ((luck < probabilities) - probabilities) @ _bins(probabilities, CALIBRATION_BINS)
    return float(np.abs(gap).sum(axis=1).mean() / len(probabilities))


def _bins(probabilities: Floats, bins: int) -> Floats:
    """Which of up to ``bins`` bins of equally many images each belongs to: ``[n, k]`` of zeros and ones."""
    place = np.argsort(np.argsort(probabilities, kind="stable"), kind="stable")
    count = min(bins, len(probabilities))
    return np.eye(count)[place * count // max(1, len(probabilities))]


def _by_score(scores: Floats, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Weight of defects and of good parts at each distinct score, highest first: two arrays ``[b, k]``."""
    levels, place = np.unique(-scores, return_inverse=True)
    member = np.zeros((len(scores), len(levels)))
    member[np.arange(len(scores)), place] = 1
    return (weights * (targets == 1)) @ member, (weights * (targets == 0)) @ member


def _divide(above: Floats, below: Floats, empty: float = np.nan) -> Floats:
    out: Floats = np.full(np.shape(above), empty)
    np.divide(above, below, out=out, where=below > 0)
    return out
