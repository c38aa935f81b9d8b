"""Estimates of a line's rates from labels with unequal inclusion probabilities.

Reviewers always see the parts the model is unsure of, and sure parts only by sampling. So the labels' own shares are
biased. A part with an inclusion probability of 1 in 100 represents 100 parts (Horvitz and Thompson, "A Generalization
of Sampling Without Replacement from a Finite Universe", JASA 47, 1952).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.stats.intervals import Estimate

METHOD = (
    "weighted by 1 / inclusion probability (Hájek's ratio); interval of two weighted Poisson counts (mid-p gamma: Fay "
    "and Kim, Biometrical Journal 59, 2017), joined by MOVER-R (Donner and Zou, Statistics in Medicine 31, 2012)"
)
Floats = NDArray[np.float64]
Interval = tuple[float, float, float]  # value, low, high


def weighted_proportion(
    hits: Sequence[bool], weights: Sequence[float], parts: Sequence[str], max_weight: float = 0.0
) -> Estimate:
    """Return the weighted share of true values with a 95 % interval.

    Each image represents ``weights`` (> 0: 1 / inclusion probability) images of the line; images of one part count as
    one draw. ``max_weight`` is the largest weight of any part in the whole sample, including parts not passed here. If
    audits of sure passes found no defect, the next audit might find one with that weight. Intervals from the drawn
    weights alone are far too narrow then (see the tests).

    Raises ValueError for a weight of 0 or less.
    """
    if not len(hits):
        return Estimate(None, None, None, 0, 0, METHOD)
    heavy, true = np.asarray(weights, dtype=float), np.asarray(hits, dtype=float)
    if not (np.isfinite(heavy).all() and (heavy > 0).all()):
        raise ValueError("Weights must be above 0: each is 1 / inclusion probability.")
    part = np.unique(np.asarray(parts), return_inverse=True)[1]
    size = np.bincount(part)
    # Each of a part's n images counts 1 / n.
    hit, missed = (_by_part(part, heavy * share) / size for share in (true, 1 - true))
    most = max(max_weight, float(heavy.max()))
    share = float(hit.sum() / (hit.sum() + missed.sum()))
    low, high = _share(_total(hit, most), _total(missed, most))
    return Estimate(share, min(share, low), max(share, high), len(hits), len(size), METHOD)


def mean_difference(
    first: Sequence[float], second: Sequence[float], weights: Sequence[float], parts: Sequence[str]
) -> Estimate:
    """Return the weighted mean of ``first - second`` with a 95 % percentile interval.

    Both are values of the same images. The interval is from a bootstrap of whole parts (Efron and Tibshirani, An
    Introduction to the Bootstrap, 1993; 2000 resamples).
    """
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
    means = []
    for _ in range(_RESAMPLES // _BATCH):
        drawn = generator.integers(0, count, size=(_BATCH, count))
        means.append(gap[drawn].sum(axis=1) / mass[drawn].sum(axis=1))
    return np.concatenate(means)


def _by_part(part: NDArray[np.intp], values: Floats) -> Floats:
    return np.bincount(part, values).astype(float)


def _total(weights: Floats, max_weight: float) -> Interval:
    """Return a weighted count with its interval.

    The interval averages two distributions: that of the count, and that of the count plus one part of ``max_weight``.
    """
    from scipy.optimize import brentq  # late import: 0.5 s and 50 MB, and only workers measure
    from scipy.special import gammainc, gammaincinv

    value, variance = float(weights.sum()), float((weights**2).sum())
    more, wider = value + max_weight, variance + max_weight**2

    def below(x: float) -> float:
        less = gammainc(value**2 / variance, x * value / variance) if value else 1.0
        return float(less + gammainc(more**2 / wider, x * more / wider)) / 2

    # The upper of the two distributions ends higher than the mean of both.
    highest = float(gammaincinv(more**2 / wider, 0.999)) * wider / more
    low = float(brentq(lambda x: below(x) - 0.025, 0.0, highest)) if value else 0.0
    return value, low, float(brentq(lambda x: below(x) - 0.975, 0.0, highest))


def _share(hit: Interval, missed: Interval) -> tuple[float, float]:
    """Return the interval of hit / (hit + missed), from the ratio to the larger total."""
    if hit[0] > missed[0]:
        low, high = _share(missed, hit)
        return 1 - high, 1 - low
    low, high = _ratio(hit, missed)
    return low / (1 + low), 1.0 if math.isinf(high) else high / (1 + high)


def _ratio(above: Interval, under: Interval) -> tuple[float, float]:
    """Return the MOVER-R interval of the ratio of two independent totals; ``under`` is above 0."""
    (x, x_low, x_high), (y, y_low, y_high) = above, under

    def root(x_end: float, y_end: float) -> float:
        return math.sqrt(max(0.0, (x * y) ** 2 - x_end * y_end * (2 * x - x_end) * (2 * y - y_end)))

    low = (x * y - root(x_low, y_high)) / (y_high * (2 * y - y_high)) if y_high != 2 * y else x_low / y_high
    over = y_low * (2 * y - y_low)
    return max(0.0, low), (x * y + root(x_high, y_low)) / over if over > 0 else math.inf
