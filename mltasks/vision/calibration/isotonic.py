"""Isotonic calibration without steps: a strictly increasing line through defect shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Labels per step. With fewer the map follows single parts and is so steep that rounding would move a probability.
MIN_STEP_LABELS = 10


def fit_knots(logits: Floats, targets: Floats) -> list[list[float]]:
    """Fit the knots [logit, log-odds], both strictly ascending, of the best increasing map.

    1. Equal logits share a step of at least ten labels.
    2. Adjacent violators are pooled (Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass
       probability estimates", KDD 2002).
    3. Each share is smoothed towards the whole set's share, as if two more labels had that share (Laplace's rule with
       that prior). So no share is 0 or 1.
    4. Smoothing can reverse neighbors, so adjacent violators are pooled again.
    """
    counts, defects, sums = _steps(logits, targets)
    levels = pool_adjacent_violators(defects / counts, counts)
    counts, defects, sums = _sums(levels, counts, defects, sums)
    shares = (defects + 2 * targets.mean()) / (counts + 2)
    levels = pool_adjacent_violators(shares, counts)
    counts, weighted, sums = _sums(levels, counts, counts * shares, sums)
    shares = weighted / counts
    knots: list[list[float]] = np.stack([sums / counts, np.log(shares / (1 - shares))], axis=1).tolist()
    return knots


def pool_adjacent_violators(values: Floats, weights: Floats) -> NDArray[np.intp]:
    """Return each value's pool, from 0, so that the pools' weighted means rise strictly.

    Adjacent violators are pooled (Ayer et al. 1955).
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, wa, na), (b, wb, nb) = pools[-2:]
            pools[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return np.repeat(np.arange(len(pools)), [count for _, _, count in pools])


def _steps(logits: Floats, targets: Floats) -> tuple[Floats, Floats, Floats]:
    """Return labels, defects and summed logits of each step, in ascending order of logits."""
    _, level, many = np.unique(logits, return_inverse=True, return_counts=True)
    _, step = np.unique((np.cumsum(many) - many) // MIN_STEP_LABELS, return_inverse=True)
    return _sums(step[level], np.ones(len(logits)), targets, logits)


def _sums(groups: NDArray[np.intp], a: Floats, b: Floats, c: Floats) -> tuple[Floats, Floats, Floats]:
    """Sum three columns by group."""
    first, second, third = (np.bincount(groups, column).astype(np.float64) for column in (a, b, c))
    return first, second, third
