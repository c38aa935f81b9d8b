"""Shares of a line, measured on parts that were not drawn alike: inverse probability weights.

People look at what the model doubts, always, and at what it is sure of, by a lot. A share counted on their labels is
that of the labels, not of the line. A part that had a chance of one in a hundred to be looked at stands for a hundred
(Horvitz and Thompson, "A Generalization of Sampling Without Replacement from a Finite Universe", JASA 47, 1952).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.stats.intervals import Estimate

METHOD = (
    "weighted by one over the chance of being looked at (Hájek's ratio); interval of two weighted Poisson counts "
    "(mid-p gamma: Fay and Kim, Biometrical Journal 59, 2017), joined by MOVER-R (Donner and Zou, Statistics in "
    "Medicine 31, 2012)"
)
Floats = NDArray[np.float64]
Interval = tuple[float, float, float]  # value, low, high


def weighted_proportion(
    hits: Sequence[bool], weights: Sequence[float], parts: Sequence[str], max_weight: float = 0.0
) -> Estimate:
    """The share of true values in what the images stand for, each for ``weights`` (above 0) of them, with a 95 %
    interval.

    Images of one part are one draw. ``max_weight`` is the largest weight that any part of the whole sample has, others
    than these among them: where audits of sure passes found no defect, the next one might have, and would have stood
    for so many. Intervals that look at the drawn weights alone are far too sure of that (see the tests). Raises
    ValueError for a weight of 0 or less.
    """
    if not len(hits):
        return Estimate(None, None, None, 0, 0, METHOD)
    heavy, true = np.asarray(weights, dtype=float), np.asarray(hits, dtype=float)
    if not (np.isfinite(heavy).all() and (heavy > 0).all()):
        raise ValueError("A part that could not be looked at stands for nobody: weights are above 0.")
    part = np.unique(np.asarray(parts), return_inverse=True)[1]
    size = np.bincount(part)
    # Of several images of a part each tells a share of what the part does.
    hit, missed = (_by_part(part, heavy * one) / size for one in (true, 1 - true))
    most = max(max_weight, float(heavy.max()))
    share = float(hit.sum() / (hit.sum() + missed.sum()))
    low, high = _share(_total(hit, most), _total(missed, most))
    return Estimate(share, min(share, low), max(share, high), len(hits), len(size), METHOD)


def mean_difference(
    first: Sequence[float], second: Sequence[float], weights: Sequence[float], parts: Sequence[str]
) -> Estimate:
    """The weighted mean of ``first - second``, values of the same images, with a 95 % percentile interval from a
    bootstrap of whole parts (Efron and Tibshirani, An Introduction to the Bootstrap, 1993; 2000 resamples)."""
    method = f"paired bootstrap over parts, {_RESAMPLES} resamples, seed 0"
    if not len(first):
        return Estimate(None, None, None, 0, 0, method)
    heavy = np.asarray(weights, dtype=float)
    part = np.unique(np.asarray(parts), return_inverse=True)[1]
    mass = _by_part(part, heavy)
    gap = _by_part(part, heavy * (np.asarray(first, dtype=float) - np.asarray(second, dtype=float)))
    value, draws = float(gap.sum() / mass.sum()), _resampled(gap, mass)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value, min(value, float(low)), max(value, float(high)), len(heavy), len(mass), method)


_RESAMPLES, _BATCH = 2000, 100


def _resampled(gap: Floats, mass: Floats) -> Floats:
    generator, count = np.random.default_rng(0), len(mass)
    found = []
    for _ in range(_RESAMPLES // _BATCH):
        drawn = generator.integers(0, count, size=(_BATCH, count))
        found.append(gap[drawn].sum(axis=1) / mass[drawn].sum(axis=1))
    return np.concatenate(found)


def _by_part(part: NDArray[np.intp], values: Floats) -> Floats:
    return np.bincount(part, values).astype(float)


def _total(weights: Floats, max_weight: float) -> Interval:
    """A weighted count with its interval: between what was counted and that with one more, of the heaviest, there is
    no telling, so each has half a say."""
    from scipy.optimize import brentq  # late: half a second and 50 MB, and only workers measure
    from scipy.special import gammainc, gammaincinv

    value, variance = float(weights.sum()), float((weights**2).sum())
    more, wider = value + max_weight, variance + max_weight**2

    def below(x: float) -> float:
        less = gammainc(value**2 / variance, x * value / variance) if value else 1.0
        return float(less + gammainc(more**2 / wider, x * more / wider)) / 2

    # The upper of the two distributions ends higher than their mean.
    highest = float(gammaincinv(more**2 / wider, 0.999)) * wider / more
    low = float(brentq(lambda x: below(x) - 0.025, 0.0, highest)) if value else 0.0
    return value, low, float(brentq(lambda x: below(x) - 0.975, 0.0, highest))


def _share(hit: Interval, missed: Interval) -> tuple[float, float]:
    """The interval of hit / (hit + missed) from those of the two, by the ratio to whichever is larger."""
    if hit[0] > missed[0]:
        low, high = _share(missed, hit)
        return 1 - high, 1 - low
    low, high = _ratio(hit, missed)
    return low / (1 + low), 1.0 if math.isinf(high) else high / (1 + high)


def _ratio(above: Interval, under: Interval) -> tuple[float, float]:
    """MOVER-R: the interval of the ratio of two independent totals; ``under`` is above 0."""
    (x, x_low, x_high), (y, y_low, y_high) = above, under

    def root(x_end: float, y_end: float) -> float:
        return math.sqrt(max(0.0, (x * y) ** 2 - x_end * y_end * (2 * x - x_end) * (2 * y - y_end)))

    low = (x * y - root(x_low, y_high)) / (y_high * (2 * y - y_high)) if y_high != 2 * y else x_low / y_high
    over = y_low * (2 * y - y_low)
    return max(0.0, low), (x * y + root(x_high, y_low)) / over if over > 0 else math.inf
