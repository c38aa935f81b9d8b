"""Which waiting parts a person should see next: active learning, as pure functions of numpy arrays.

All strategies pick greedily: the best part, then the best of the rest, and so on, passing over near-duplicates of what
the run has picked already. Equal parts go by index, so the same pool and seed give the same picks. The review queue
orders parts one by one as they arrive, by the same strategies: `queue_order.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.serving.thresholds import DecisionCosts, cost_threshold

Floats = NDArray[np.float64]
Embeddings = NDArray[np.float32]

DEFAULT_STRATEGY = "expected_cost"
MIN_DISTANCE = 1e-3  # cosine distance below which two pictures show the same
NOVELTY_PERIOD = 4  # one pick in four goes to the most novel part, while there are novel ones
AGE_DOUBLING_S = 86_400.0  # a part that waited a day counts twice, after two days three times
_PROBABILITY_MARGIN = 1e-6  # the nearest to 0 and 1 that a probability is taken for
_MIN_UTILITY = 1e-3  # merit of a part that has none, so that age can lift it
_ROWS = 4096  # rows of a distance matrix that are held at once


@dataclass(frozen=True, eq=False)
class UnlabeledPool:
    """The parts that wait, and where labels are already.

    ``probabilities`` [n] calibrated in [0, 1]; ``novelty`` [n] the highest anomaly score over its threshold, from 0 up,
    novel above 1; ``embeddings`` [n, d] and ``labeled_embeddings`` [m, d] float32 with rows of length 1; ``age_s`` [n]
    seconds of waiting. Raises ValueError for NaN, wrong shapes and values out of range.
    """

    probabilities: Floats
    novelty: Floats
    embeddings: Embeddings
    labeled_embeddings: Embeddings
    age_s: Floats | None = None

    def __post_init__(self) -> None:
        _check_values("probabilities", self.probabilities, len(self), 1.0)
        _check_values("novelty", self.novelty, len(self))
        if self.age_s is not None:
            _check_values("age_s", self.age_s, len(self))
        _check_directions("embeddings", self.embeddings)
        _check_directions("labeled_embeddings", self.labeled_embeddings)
        if len(self.embeddings) != len(self):
            raise ValueError(f"There are {len(self)} probabilities and {len(self.embeddings)} embeddings.")
        if len(self.labeled_embeddings) and self.embeddings.shape[1] != self.labeled_embeddings.shape[1]:
            raise ValueError("Waiting and labeled embeddings differ in size.")

    def __len__(self) -> int:
        return len(self.probabilities)


@dataclass(frozen=True, eq=False)
class _Utility:
    """What a strategy wants: ``utilities`` [n] each, used in turn, one a pick; ``spread``: far from what is known."""

    utilities: Sequence[Floats]
    spread: bool = False


def select_parts(
    strategy: str,
    pool: UnlabeledPool,
    count: int,
    *,
    costs: DecisionCosts,
    seed: int,
    min_distance: float = MIN_DISTANCE,
) -> list[int]:
    """Return up to ``count`` indices of the pool, the most useful first; fewer when only near-duplicates are left.

    Strategies: ``uncertainty``, ``novelty``, ``diversity``, ``expected_cost`` and ``random``. ``min_distance`` is the
    cosine distance that two picks of one run must have. Raises ValueError for an unknown strategy or a negative count.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"Unknown strategy {strategy!r}. Known: {', '.join(STRATEGIES)}.")
    if count < 0:
        raise ValueError("The number of parts to pick is at least 0.")
    return _greedy_selection(pool, STRATEGIES[strategy](pool, costs, seed), count, min_distance)


def _uncertainty(pool: UnlabeledPool, costs: DecisionCosts, seed: int) -> _Utility:
    """Nearest to the operating threshold, in logits (Lewis & Gale, "A Sequential Algorithm for Training Text
    Classifiers", SIGIR 1994)."""
    threshold = np.array([cost_threshold(costs)])
    return _Utility([1.0 / (1.0 + np.abs(_logit(pool.probabilities) - _logit(threshold)))])


def _novelty(pool: UnlabeledPool, costs: DecisionCosts, seed: int) -> _Utility:
    """The highest anomaly ratio."""
    return _Utility([pool.novelty])


def _diversity(pool: UnlabeledPool, costs: DecisionCosts, seed: int) -> _Utility:
    """Greedy k-centre over the embeddings: the part farthest from all labeled and picked ones (Sener & Savarese,
    "Active Learning for Convolutional Neural Networks: A Core-Set Approach", ICLR 2018)."""
    return _Utility([np.ones(len(pool))], spread=True)


def _expected_cost(pool: UnlabeledPool, costs: DecisionCosts, seed: int) -> _Utility:
    """The expected cost of a PASS, which is the probability times what any escape costs, times the distance to what is
    known.

    Defects are the rare class and the dear one: a label of what is probably another of them teaches more than one of
    what is merely in doubt, as long as it looks different (relevance sampling, Lewis & Gale, SIGIR 1994; weighed by
    distance as by Settles & Craven, "An Analysis of Active Learning Strategies for Sequence Labeling Tasks", EMNLP
    2008; measured in docs/quality.md). A young model passes the defects that it does not know; so one pick in four goes
    to a novel part instead.
    """
    novel = np.where(pool.novelty > 1.0, pool.novelty, 0.0)
    # Where nothing is novel, that pick goes by cost as well.
    turn = novel if novel.any() else pool.probabilities
    return _Utility([pool.probabilities] * (NOVELTY_PERIOD - 1) + [turn], spread=True)


def _random(pool: UnlabeledPool, costs: DecisionCosts, seed: int) -> _Utility:
    """By chance: the baseline, and the only strategy whose picks measure a rate without bias."""
    return _Utility([np.random.default_rng(seed).random(len(pool))])


STRATEGIES: Mapping[str, Callable[[UnlabeledPool, DecisionCosts, int], _Utility]] = {
    "uncertainty": _uncertainty,
    "novelty": _novelty,
    "diversity": _diversity,
    "expected_cost": _expected_cost,
    "random": _random,
}


def _greedy_selection(pool: UnlabeledPool, plan: _Utility, count: int, min_distance: float) -> list[int]:
    aged = 1.0 + (pool.age_s / AGE_DOUBLING_S if pool.age_s is not None else np.zeros(len(pool)))
    merits = [np.maximum(merit, _MIN_UTILITY) * aged for merit in plan.utilities]
    known = _distance_to(pool.embeddings, pool.labeled_embeddings) if plan.spread else np.ones(len(pool), np.float32)
    free = np.ones(len(pool), bool)
    picked: list[int] = []
    while len(picked) < count and free.any():
        worth = np.where(free, merits[len(picked) % len(merits)] * known, -1.0)
        best = int(worth.argmax())  # the first of equals
        picked.append(best)
        apart = 1.0 - pool.embeddings @ pool.embeddings[best]
        free &= apart >= min_distance
        free[best] = False
        if plan.spread:
            np.minimum(known, np.maximum(apart, 0.0), out=known)
    return picked


def _distance_to(rows: Embeddings, centres: Embeddings) -> NDArray[np.float32]:
    """Cosine distance [n] in [0, 2] of each row to the nearest centre; 2 without any."""
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
        raise ValueError(f"{name} holds a value that is no number from 0 to {highest:g}.")


def _check_directions(name: str, rows: Embeddings) -> None:
    if rows.ndim != 2:
        raise ValueError(f"{name} has {rows.ndim} axes, not 2.")
    lengths = np.einsum("nd,nd->n", rows, rows)
    if not np.isfinite(lengths).all() or (np.abs(lengths - 1.0) > 1e-2).any():
        raise ValueError(f"{name} holds a row whose length is not 1.")
