"""Priority of a part in the review queue, from the part's own signals.

A sort key is a time that never changes by itself, so a row can store it and an index can sort by it. Later arrivals get
later keys. Pure arithmetic; imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Increase when a strategy changes: waiting parts are then ranked again.
REVISION = 3
DEFAULT_STRATEGY = "expected_cost"
HEAD_START_S = 86_400.0  # head start of the highest priority
# Parts of an urgent station precede all other parts that have waited less than a day.
URGENT_S = 2 * HEAD_START_S
_PROBABILITY_MARGIN = 1e-6  # distance that probabilities keep from 0 and 1


@dataclass(frozen=True, slots=True)
class PartSignals:
    """Signals of one part before its review.

    - ``probability``: calibrated, in [0, 1]; None if the part was not scored
    - ``novelty``: from 0 up, novel above 1; None if the part was not scored
    - ``threshold``: the probability from which FAIL is the cheaper decision
    - ``similarity``: in [0, 1], to the parts that reviewers already see; 1 for a near-duplicate
    - ``hash_uniform``: in [0, 1), pseudo-random

    Raises ValueError for values out of range and NaN.
    """

    probability: float | None
    novelty: float | None
    threshold: float
    similarity: float = 0.0
    hash_uniform: float = 0.0

    def __post_init__(self) -> None:
        for name in ("probability", "threshold", "similarity", "hash_uniform"):
            _check(name, getattr(self, name), 1.0)
        _check("novelty", self.novelty, math.inf)


def priority(strategy: str, signals: PartSignals) -> float:
    """Return the value in [0, 1] of reviewing the part, by the strategy.

    A near-duplicate has 0. A part that was not scored has the highest value. Raises ValueError for an unknown strategy.
    """
    if strategy not in PRIORITY:
        raise ValueError(f"Unknown strategy {strategy!r}. Known: {', '.join(PRIORITY)}.")
    if signals.similarity >= 1.0:
        return 0.0
    return PRIORITY[strategy](signals)


def queue_sort_key(arrived_s: float, priority: float, *, urgent: bool = False) -> float:
    """Return the part's sort key, ascending: its arrival in seconds minus its head start.

    The head start is up to one day by priority, plus two days for an urgent station. No part is overtaken by a part
    that arrives three days later.
    """
    return arrived_s - HEAD_START_S * priority - URGENT_S * urgent


def _uncertainty(signals: PartSignals) -> float:
    if signals.probability is None:
        return 1.0
    return 1.0 / (1.0 + abs(_logit(signals.probability) - _logit(signals.threshold)))


def _novelty(signals: PartSignals) -> float:
    """Map the novelty ratio to [0, 1) and keep the order."""
    return 1.0 if signals.novelty is None else signals.novelty / (1.0 + signals.novelty)


def _diversity(signals: PartSignals) -> float:
    return 1.0 - signals.similarity


def _expected_cost(signals: PartSignals) -> float:
    """Return the priority by expected cost, times the distance to the parts that reviewers see.

    High if a PASS would probably be expensive or the part is unlike any labeled part (noisy-or of both).
    """
    if signals.probability is None or signals.novelty is None:
        return 1.0 - signals.similarity
    familiarity = min(1.0, 1.0 / max(signals.novelty, 1.0))
    cost = 1.0 - (1.0 - _cost_of_pass(signals.probability, signals.threshold)) * familiarity
    return cost * (1.0 - signals.similarity)


def _random(signals: PartSignals) -> float:
    return signals.hash_uniform


PRIORITY: Mapping[str, Callable[[PartSignals], float]] = {
    "uncertainty": _uncertainty,
    "novelty": _novelty,
    "diversity": _diversity,
    "expected_cost": _expected_cost,
    "random": _random,
}


def _cost_of_pass(probability: float, threshold: float) -> float:
    """Return the share of PASS in the expected costs of PASS and FAIL.

    p × fn / (p × fn + (1 − p) × fp): rises with the probability and is 0.5 at the threshold, near which most waiting
    parts lie.
    """
    turn = min(max(threshold, _PROBABILITY_MARGIN), 1.0 - _PROBABILITY_MARGIN)
    passed, failed = probability * (1.0 - turn), (1.0 - probability) * turn
    return passed / (passed + failed)


def _logit(probability: float) -> float:
    inside = min(max(probability, _PROBABILITY_MARGIN), 1.0 - _PROBABILITY_MARGIN)
    return math.log(inside / (1.0 - inside))


def _check(name: str, value: float | None, highest: float) -> None:
    if value is not None and not (math.isfinite(value) and 0.0 <= value <= highest):
        raise ValueError(f"{name} must be a number from 0 to {highest:g}, not {value}.")
