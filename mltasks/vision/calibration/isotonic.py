"""Isotonic calibration that keeps parts apart: a rising line through the shares of defects, not a staircase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Labels a step: fewer make a map that follows single parts, and so steep that rounding would move a probability.
MIN_STEP_LABELS = 10


def fit_knots(logits: Floats, targets: Floats) -> list[list[float]]:
    """Knots [logit, log-odds], both strictly ascending, of the rising map that fits best (Zadrozny and Elkan,
    "Transforming classifier scores into accurate multiclass probability estimates", KDD 2002).

    Equal logits share a step of at least ten labels. Each step's share is drawn towards the whole set's, as if two more
    labels had come out like it (Laplace's rule with that prior): no share is 0 or 1, the less so the fewer labels it
    has. Smoothing can turn neighbours round, so they are pooled once more after it.
    """
    counts, defects, sums = _steps(logits, targets)
    levels = pool_adjacent_violators(defects / counts, counts)
    counts, defects, sums = _sums(levels, counts, defects, sums)
    shares = (defects + 2 * targets.mean()) / (counts + 2)
    levels = pool_adjacent_violators(shares, counts)
    counts, weighted, sums = _sums(levels, counts, counts * shares, sums)
    shares = weighted / counts
    found: list[list[float]] = np.stack([sums / counts, np.log(shares / (1 - shares))], axis=1).tolist()
    return found


def pool_adjacent_violators(values: Floats, weights: Floats) -> NDArray[np.intp]:
    """The pool, numbered from 0, of each value when adjacent violators are pooled (Ayer et al. 1955): the pools'
    weighted means rise strictly."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, wa, na), (b, wb, nb) = pools[-2:]
            pools[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return np.repeat(np.arange(len(pools)), [count for _, _, count in pools])


def _steps(logits: Floats, targets: Floats) -> tuple[Floats, Floats, Floats]:
    """Labels, defects and summed logits of each step, in ascending order of logits."""
    _, level, many = np.unique(logits, return_inverse=True, return_counts=True)
    _, step = np.unique((np.cumsum(many) - many) // MIN_STEP_LABELS, return_inverse=True)
    return _sums(step[level], np.ones(len(logits)), targets, logits)


def _sums(groups: NDArray[np.intp], a: Floats, b: Floats, c: Floats) -> tuple[Floats, Floats, Floats]:
    """Three columns summed by group."""
    first, second, third = (np.bincount(groups, column).astype(np.float64) for column in (a, b, c))
    return first, second, third
