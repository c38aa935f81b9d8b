"""Metrics under many sample weightings at once: one pass gives a value and its bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CALIBRATION_BINS, CHANCE_DRAWS = 10, 1000


def auroc(scores: Floats, targets: Ints, weights: Floats) -> Floats:
    """Compute the area under the ROC curve for each row of ``weights`` ``[b, n]``.

    The area is the probability that a defect scores above a good part, ties counted half. NaN if a class has no weight.
    """
    positive, negative = _by_score(scores, targets, weights)
    above = np.cumsum(positive, axis=1) - positive
    pairs = (negative * (above + positive / 2)).sum(axis=1)
    return _divide(pairs, positive.sum(axis=1) * negative.sum(axis=1))


def auroc_standard_error(area: float, defects: int, good: int) -> float:
    """Return the standard error of an area under the ROC curve.

    ``defects`` and ``good`` count parts (Hanley and McNeil, Radiology 143, 1982).
    """
    both_above, both_below = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (defects - 1) * (both_above - area**2) + (good - 1) * (both_below - area**2)
    return float((max(0.0, spread) / (defects * good)) ** 0.5)


def average_precision(scores: Floats, targets: Ints, weights: Floats) -> Floats:
    """Compute the average precision for each row of ``weights`` ``[b, n]``.

    It sums the precision at each distinct score, weighted by the recall that score adds. NaN if no defect has weight.
    """
    positive, negative = _by_score(scores, targets, weights)
    hits = np.cumsum(positive, axis=1)
    precision = _divide(hits, hits + np.cumsum(negative, axis=1), empty=0.0)
    return _divide((positive * precision).sum(axis=1), positive.sum(axis=1))


def precision_recall_curve(scores: Floats, targets: Ints) -> list[tuple[float, float, float]]:
    """Return points (recall, precision, score), one per distinct score, highest score first.

    Empty without a defect.
    """
    positive, negative = _by_score(scores, targets, np.ones((1, len(scores))))
    hits, alarms = np.cumsum(positive[0]), np.cumsum(negative[0])
    if not len(scores) or hits[-1] == 0:
        return []
    levels = np.unique(scores)[::-1]
    return [
        (float(hit / hits[-1]), float(hit / (hit + wrong)), float(level))
        for hit, wrong, level in zip(hits, alarms, levels, strict=True)
    ]


def calibration_error(probabilities: Floats, targets: Ints, weights: Floats, bins: int = CALIBRATION_BINS) -> Floats:
    """Compute the expected calibration error, in [0, 1], for each row of ``weights`` ``[b, n]``.

    The error is the mean distance between stated probability and observed share of defects, over bins of equally many
    images (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017). NaN without any weight. Chance alone makes
    the error positive: compare it with ``chance_calibration_error``.
    """
    member = _bins(probabilities, bins)
    gap = (weights * (targets - probabilities)) @ member
    return _divide(np.abs(gap).sum(axis=1), weights.sum(axis=1))


def chance_calibration_error(probabilities: Floats, parts: Sequence[str], seed: int) -> float:
    """Return the expected calibration error that perfect probabilities would show by chance.

    This is the mean over 1000 draws of outcomes that follow the probabilities (Bröcker and Smith, Weather and
    Forecasting 22, 2007). Images of one part share the random number.
    """
    part = np.unique(np.asarray(parts), return_inverse=True)[1]
    luck = np.random.default_rng(seed).random((CHANCE_DRAWS, part.max() + 1))[:, part]
    gap = ((luck < probabilities) - probabilities) @ _bins(probabilities, CALIBRATION_BINS)
    return float(np.abs(gap).sum(axis=1).mean() / len(probabilities))


def _bins(probabilities: Floats, bins: int) -> Floats:
    """Return the one-hot membership ``[n, k]`` of up to ``bins`` bins of equally many images."""
    place = np.argsort(np.argsort(probabilities, kind="stable"), kind="stable")
    count = min(bins, len(probabilities))
    return np.eye(count)[place * count // max(1, len(probabilities))]


def _by_score(scores: Floats, targets: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Return the weights of defects and of good parts at each distinct score, highest first.

    Both arrays are ``[b, k]``.
    """
    levels, place = np.unique(-scores, return_inverse=True)
    member = np.zeros((len(scores), len(levels)))
    member[np.arange(len(scores)), place] = 1
    return (weights * (targets == 1)) @ member, (weights * (targets == 0)) @ member


def _divide(above: Floats, below: Floats, empty: float = np.nan) -> Floats:
    out: Floats = np.full(np.shape(above), empty)
    np.divide(above, below, out=out, where=below > 0)
    return out
