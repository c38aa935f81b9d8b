"""The picking strategies for one part at a time, and its place in the queue."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltasks.vision.serving.queue_priority import HEAD_START_S, PRIORITY, PartSignals, priority, queue_sort_key

DAY = 86_400.0
TURN = 1 / 6  # the operating threshold of the default costs


def make_signals(probability: float | None = 0.1, novelty: float | None = 0.5, **changes: Any) -> PartSignals:
    return PartSignals(probability, novelty, **{"threshold": TURN, **changes})


def test_uncertainty_is_highest_at_the_threshold() -> None:
    worth = [priority("uncertainty", make_signals(p)) for p in (TURN, 0.02, 0.9, 0.001)]
    assert worth[0] == pytest.approx(1.0)
    assert worth == sorted(worth, reverse=True)
    assert priority("uncertainty", make_signals(0.5, threshold=0.5)) == 1.0


def test_novelty_goes_by_the_ratio() -> None:
    worth = [priority("novelty", make_signals(novelty=ratio)) for ratio in (0.0, 0.5, 1.5, 3.0, 100.0)]
    assert worth == sorted(worth)
    assert (worth[0], worth[-1] < 1) == (0.0, True)


def test_diversity_is_the_distance_to_what_people_see() -> None:
    assert [priority("diversity", make_signals(similarity=alike)) for alike in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]


def test_expected_cost_is_highest_for_probable_defects_and_for_the_unknown() -> None:
    assert priority("expected_cost", make_signals(1.0, 0.0)) == pytest.approx(1.0)
    assert priority("expected_cost", make_signals(TURN, 1.0)) == pytest.approx(0.5)
    assert priority("expected_cost", make_signals(0.5, threshold=0.5)) == pytest.approx(0.5)
    assert priority("expected_cost", make_signals(0.0, 0.9)) == 0.0
    assert priority("expected_cost", make_signals(0.0, 4.0)) == pytest.approx(0.75)
    assert priority("expected_cost", make_signals(0.1)) > priority("expected_cost", make_signals(0.05))
    assert (
        priority("expected_cost", make_signals(0.1, similarity=0.5)) == priority("expected_cost", make_signals(0.1)) / 2
    )


def test_at_a_cold_start_expected_cost_finds_many_times_the_rare_defects() -> None:
    rng = random.Random(5)
    kinds = [rng.choice((1, 2)) if rng.random() < 0.02 else 0 for _ in range(2000)]
    # The young model half sees the first kind, and passes the second, which only the novelty tells.
    parts = [
        make_signals(
            (0.15 if kind == 1 else 0.02) + 0.05 * rng.random(),
            0.7 + 0.3 * rng.random() + 0.4 * (kind == 2),
            hash_uniform=rng.random(),
        )
        for kind in kinds
    ]

    def found(strategy: str) -> list[int]:
        worth = [priority(strategy, part) for part in parts]
        return [kinds[at] for at in sorted(range(2000), key=lambda at: -worth[at])[:24]]

    assert set(found("expected_cost")) >= {1, 2}
    assert sum(kind > 0 for kind in found("expected_cost")) >= 5 * max(1, sum(kind > 0 for kind in found("random")))


def test_chance_is_the_lot_whatever_the_scores() -> None:
    assert (
        priority("random", make_signals(hash_uniform=0.3))
        == priority("random", make_signals(None, None, hash_uniform=0.3))
        == 0.3
    )


@pytest.mark.parametrize("strategy", sorted(set(PRIORITY) - {"random"}))
def test_what_nothing_scored_is_worth_the_most(strategy: str) -> None:
    assert priority(strategy, make_signals(None, None)) == 1.0


@pytest.mark.parametrize("strategy", PRIORITY)
def test_a_repeat_is_worth_nothing(strategy: str) -> None:
    assert priority(strategy, make_signals(TURN, 5.0, similarity=1.0, hash_uniform=0.9)) == 0.0
    assert priority(strategy, make_signals(None, None, similarity=1.0, hash_uniform=0.9)) == 0.0


share = st.floats(0, 1)


@given(st.sampled_from(sorted(PRIORITY)), share, st.floats(0, 1e300), share, share, share)
def test_it_is_always_a_share(
    s: str, probability: float, novelty: float, turn: float, alike: float, lot: float
) -> None:
    assert 0 <= priority(s, PartSignals(probability, novelty, turn, alike, lot)) <= 1


def test_no_part_is_overtaken_by_parts_that_come_a_day_later() -> None:
    assert queue_sort_key(1000.0, 1.0) < queue_sort_key(1000.0, 0.2) < queue_sort_key(1000.0 + DAY, 1.0)
    assert HEAD_START_S == DAY


def test_urgent_parts_come_before_all_that_waited_less_than_a_day() -> None:
    urgent = queue_sort_key(10 * DAY, 0.0, urgent=True)
    assert urgent < queue_sort_key(9 * DAY + 1, 1.0)
    assert urgent > queue_sort_key(7 * DAY, 0.0), "An old part is not overtaken for ever."


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.1, 1.1])
@pytest.mark.parametrize("name", ["probability", "threshold", "similarity", "hash_uniform"])
def test_it_refuses_what_is_no_share(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a number"):
        make_signals(**{name: wrong})


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.1])
def test_it_refuses_a_novelty_that_is_none(wrong: float) -> None:
    with pytest.raises(ValueError, match="novelty must be a number"):
        make_signals(novelty=wrong)


def test_it_refuses_an_unknown_strategy() -> None:
    with pytest.raises(ValueError, match=r"'margin'. Known: uncertainty"):
        priority("margin", make_signals())


def test_it_imports_nothing_heavy() -> None:
    asked = (
        "import sys, mltasks.vision.serving.queue_priority; "
        "print(sorted({'numpy', 'torch', 'django'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "[]\n"
