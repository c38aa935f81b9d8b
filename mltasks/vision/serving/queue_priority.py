"""Where a part stands in the review queue: the picking strategies, told of one part without the rest of the pool.

A place is a time that never changes by itself, so that a row can store it and an index can sort by it; parts grow old
by others' arriving later. Pure arithmetic: imports nothing heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# Raised when a strategy comes to rank otherwise: what waits is then placed anew.
REVISION = 3
HEAD_START_S = 86_400.0  # how far the highest priority lets a part overtake
# Any part of an urgent station comes before every other one that has waited less than a day.
URGENT_S = 2 * HEAD_START_S
_PROBABILITY_MARGIN = 1e-6  # the nearest to 0 and 1 that a probability is taken for


@dataclass(frozen=True, slots=True)
class PartSignals:
    """What is known of one part before a person looks.

    ``probability`` calibrated in [0, 1] and ``novelty`` from 0 up, novel above 1: both None where nothing scored it;
    ``threshold`` the probability from which FAIL is the cheaper decision; ``similarity`` in [0, 1] to what people see
    already, 1 for a repeat; ``lot`` in [0, 1), drawn by chance. Raises ValueError for values out of range and NaN.
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
    """What a person's look at the part is worth by the strategy, in [0, 1]; nothing for a repeat, as ``picking.pick``
    passes over them. A part that nothing scored is worth the most. Raises ValueError for an unknown strategy."""
    if strategy not in PRIORITY:
        raise ValueError(f"Unknown strategy {strategy!r}. Known: {', '.join(PRIORITY)}.")
    if signals.similarity >= 1.0:
        return 0.0
    return PRIORITY[strategy](signals)


def queue_sort_key(arrived_s: float, priority: float, *, urgent: bool = False) -> float:
    """A part's place in a queue that is sorted by it, least first: its arrival in seconds, up to a day earlier by its
    priority and two more for an urgent station. No part is overtaken by one that arrives three days after it."""
    return arrived_s - HEAD_START_S * priority - URGENT_S * urgent


def _uncertainty(signals: PartSignals) -> float:
    if signals.probability is None:
        return 1.0
    return 1.0 / (1.0 + abs(_logit(signals.probability) - _logit(signals.threshold)))


def _novelty(signals: PartSignals) -> float:
    """The order of the ratios, squeezed into [0, 1)."""
    return 1.0 if signals.novelty is None else signals.novelty / (1.0 + signals.novelty)


def _diversity(signals: PartSignals) -> float:
    return 1.0 - signals.similarity


def _expected_cost(signals: PartSignals) -> float:
    """High where a PASS would probably be dear, or where the part is unlike any labeled one (a noisy or of both), times
    the distance to what people see already."""
    if signals.probability is None or signals.novelty is None:
        return 1.0 - signals.similarity
    known = min(1.0, 1.0 / max(signals.novelty, 1.0))
    return (1.0 - (1.0 - _cost_of_pass(signals.probability, signals.threshold)) * known) * (1.0 - signals.similarity)


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
    """A PASS's share in what PASS and FAIL are expected to cost, p × fn of p × fn + (1 − p) × fp: it rises with the
    probability and is a half at the threshold, around which most waiting parts are."""
    turn = min(max(threshold, _PROBABILITY_MARGIN), 1.0 - _PROBABILITY_MARGIN)
    passed, failed = probability * (1.0 - turn), (1.0 - probability) * turn
    return passed / (passed + failed)


def _logit(probability: float) -> float:
    inside = min(max(probability, _PROBABILITY_MARGIN), 1.0 - _PROBABILITY_MARGIN)
    return math.log(inside / (1.0 - inside))


def _check(name: str, value: float | None, highest: float) -> None:
    if value is not None and not (math.isfinite(value) and 0.0 <= value <= highest):
        raise ValueError(f"{name} is no number from 0 to {highest:g}: {value}")
