"""Selection of waiting parts to label (active learning), as pure functions of numpy arrays.

All strategies pick greedily and pass over near-duplicates of parts picked earlier in the run. Ties go to the lower
index, so the same pool and seed give the same picks. The review queue orders parts one by one as they arrive, by the
same strategies: `queue_order.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.serving.thresholds import cost_threshold
from mltasks.vision.types import Costs

Floats = NDArray[np.float64]
Embeddings = NDArray[np.float32]

DEFAULT_STRATEGY = "expected_cost"
MIN_DISTANCE = 1e-3  # cosine distance below which two images are near-duplicates
NOVELTY_PERIOD = 4  # one pick in four goes to the most novel part, while there are novel parts
_PROBABILITY_MARGIN = 1e-6  # clip of probabilities before the logit
_MIN_UTILITY = 1e-3  # lower bound of the utility, so that the distance still counts
_ROWS = 4096  # rows of a distance matrix in memory at once


@dataclass(frozen=True, eq=False)
class UnlabeledPool:
    """Waiting parts, and the embeddings of labeled parts.

    ``probabilities`` [n] calibrated in [0, 1]; ``novelty`` [n] the highest anomaly score over its threshold, >= 0,
    novel above 1; ``embeddings`` [n, d] and ``labeled_embeddings`` [m, d] float32 with rows of length 1. Raises
    ValueError for NaN, wrong shapes and values out of range.
    """

    probabilities: Floats
    novelty: Floats
    embeddings: Embeddings
    labeled_embeddings: Embeddings

    def __post_init__(self) -> None:
        _check_values("probabilities", self.probabilities, len(self), 1.0)
        _check_values("novelty", self.novelty, len(self))
        _check_directions("embeddings", self.embeddings)
        _check_directions("labeled_embeddings", self.labeled_embeddings)
        if len(self.embeddings) != len(self):
            raise ValueError(f"There are {len(self)} probabilities and {len(self.embeddings)} embeddings; use as many.")
        if len(self.labeled_embeddings) and self.embeddings.shape[1] != self.labeled_embeddings.shape[1]:
            raise ValueError("Waiting and labeled embeddings differ in size.")

    def __len__(self) -> int:
        return len(self.probabilities)


@dataclass(frozen=True, eq=False)
class _Utility:
    """Utilities ``[n]`` used in turn, one a pick; ``spread`` multiplies by the distance."""

    utilities: Sequence[Floats]
    spread: bool = False


def select_parts(strategy: str, pool: UnlabeledPool, count: int, *, costs: Costs, seed: int) -> list[int]:
    """Return up to ``count`` indices of the pool, the most useful first.

    Fewer indices are returned when only near-duplicates are left. Strategies: ``uncertainty``, ``novelty``,
    ``diversity``, ``expected_cost`` and ``random``. Raises ValueError for an unknown strategy or a negative count.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"Unknown strategy {strategy!r}. Choose from: {', '.join(STRATEGIES)}.")
    if count < 0:
        raise ValueError("The number of parts to pick must be at least 0.")
    return _greedy_selection(pool, STRATEGIES[strategy](pool, costs, seed), count)


def _uncertainty(pool: UnlabeledPool, costs: Costs, seed: int) -> _Utility:
    """Return closeness to the operating threshold, in logits.

    Lewis & Gale, "A Sequential Algorithm for Training Text Classifiers", SIGIR 1994.
    """
    threshold = np.array([cost_threshold(costs)])
    return _Utility([1.0 / (1.0 + np.abs(_logit(pool.probabilities) - _logit(threshold)))])


def _novelty(pool: UnlabeledPool, costs: Costs, seed: int) -> _Utility:
    """Return the highest anomaly ratio."""
    return _Utility([pool.novelty])


def _diversity(pool: UnlabeledPool, costs: Costs, seed: int) -> _Utility:
    """Return equal utilities with spread: greedy k-centre over the embeddings.

    Picks the part farthest from all labeled and picked parts (Sener & Savarese, "Active Learning for Convolutional
    Neural Networks: A Core-Set Approach", ICLR 2018).
    """
    return _Utility([np.ones(len(pool))], spread=True)


def _expected_cost(pool: UnlabeledPool, costs: Costs, seed: int) -> _Utility:
    """Return the defect probability times the distance; one pick in four goes by novelty.

    The probability is proportional to the expected cost of a PASS; the distance is to labeled and picked parts.
    Defects are rare and costly: labels of probable defects help more than labels of uncertain parts, if the parts
    differ from known ones. Sources: relevance sampling (Lewis & Gale, SIGIR 1994); weighting by distance (Settles &
    Craven, "An Analysis of Active Learning Strategies for Sequence Labeling Tasks", EMNLP 2008); measured in
    docs/quality.md. An early model passes defects of unknown types, so one pick in four goes to a novel part.
    """
    novel = np.where(pool.novelty > 1.0, pool.novelty, 0.0)
    # Without any novel part, that pick goes by cost as well.
    turn = novel if novel.any() else pool.probabilities
    return _Utility([pool.probabilities] * (NOVELTY_PERIOD - 1) + [turn], spread=True)


def _random(pool: UnlabeledPool, costs: Costs, seed: int) -> _Utility:
    """Return random utilities: the baseline, and the only unbiased sample for rates."""
    return _Utility([np.random.default_rng(seed).random(len(pool))])


STRATEGIES: Mapping[str, Callable[[UnlabeledPool, Costs, int], _Utility]] = {
    "uncertainty": _uncertainty,
    "novelty": _novelty,
    "diversity": _diversity,
    "expected_cost": _expected_cost,
    "random": _random,
}


def _greedy_selection(pool: UnlabeledPool, plan: _Utility, count: int) -> list[int]:
    utilities = [np.maximum(utility, _MIN_UTILITY) for utility in plan.utilities]
    distances = (
        _distance_to(pool.embeddings, pool.labeled_embeddings) if plan.spread else np.ones(len(pool), np.float32)
    )
    free = np.ones(len(pool), bool)
    picked: list[int] = []
    while len(picked) < count and free.any():
        scores = np.where(free, utilities[len(picked) % len(utilities)] * distances, -1.0)
        best = int(scores.argmax())  # the first of equals
        picked.append(best)
        apart = 1.0 - pool.embeddings @ pool.embeddings[best]
        free &= apart >= MIN_DISTANCE
        free[best] = False
        if plan.spread:
            np.minimum(distances, np.maximum(apart, 0.0), out=distances)
    return picked


def _distance_to(rows: Embeddings, centres: Embeddings) -> NDArray[np.float32]:
    """Return each row's cosine distance to the nearest centre, [n] in [0, 2]; 2 without centres."""
    nearest = np.full(len(rows), 2.0, np.float32)
    for start in range(0, len(rows) if len(centres) else 0, _ROWS):
        part = slice(start, start + _ROWS)
        nearest[part] = 1.0 - (rows[part] @ centres.T).max(axis=1)
    return np.maximum(nearest, 0.0)


def _logit(probabilities: Floats) -> Floats:
    inside = np.clip(probabilities, _PROBABILITY_MARGIN, 1.0 - _PROBABILITY_MARGIN)
    return np.log(inside / (1.0 - inside))


def _check_values(name: str, values: Floats, count: int, highest: float = np.inf) -> None:
    if values.shape != (count,):
        raise ValueError(f"{name} has the shape {values.shape}, not ({count},).")
    if not np.isfinite(values).all() or (values < 0).any() or (values > highest).any():
        raise ValueError(f"Each value of {name} must be a number from 0 to {highest:g}.")


def _check_directions(name: str, rows: Embeddings) -> None:
    if rows.ndim != 2:
        raise ValueError(f"{name} has {rows.ndim} axes, not 2.")
    lengths = np.einsum("nd,nd->n", rows, rows)
    if not np.isfinite(lengths).all() or (np.abs(lengths - 1.0) > 1e-2).any():
        raise ValueError(f"Each row of {name} must have length 1.")
