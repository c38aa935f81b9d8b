"""The score set within a time budget, by times that are given."""

from __future__ import annotations

from typing import cast

import pytest

from mltasks.vision.calibration.operating_point import OperatingPoint
from mltasks.vision.training.speed.score_sets import GraphCost, ScoreSet, choose_score_set, spread


def sets(*milliseconds: float) -> list[ScoreSet]:
    """Score sets of −1, 0, 1, … removals with these times."""
    nothing = cast(OperatingPoint, None)
    return [ScoreSet(at - 1, nothing, [], GraphCost(took, took / 10)) for at, took in enumerate(milliseconds)]


@pytest.mark.parametrize(
    ("budget", "removals"),
    [(200.0, 0), (80.0, 0), (79.9, 1), (60.0, 1), (50.0, 2), (30.0, 3), (29.0, 3)],
)
def test_the_best_set_within_the_budget_is_chosen_else_the_fastest(budget: float, removals: int) -> None:
    # All scores would be within the largest budget, but the selection found some of them needless.
    assert choose_score_set(sets(100, 80, 60, 50, 30), 0, budget).removals == removals


def test_a_slower_set_with_fewer_scores_is_passed_over() -> None:
    assert choose_score_set(sets(100, 80, 81, 40), 0, 50).removals == 2
    assert choose_score_set(sets(100, 80, 70, 75), 0, 50).removals == 1


@pytest.mark.parametrize(("removals", "chosen"), [(-1, -1), (0, 0), (2, 2), (9, 2)])
def test_without_a_budget_the_config_decides(removals: int, chosen: int) -> None:
    assert choose_score_set(sets(100, 80, 60, 50), removals, 0).removals == chosen


def test_a_budget_removes_no_fewer_scores_than_the_config() -> None:
    assert choose_score_set(sets(100, 80, 60, 50), 1, 90).removals == 1


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(0, []), (1, [6]), (2, [3, 6]), (3, [2, 4, 6]), (6, [1, 2, 3, 4, 5, 6]), (9, [1, 2, 3, 4, 5, 6])],
)
def test_points_are_spread_with_the_last_one_among_them(count: int, chosen: list[int]) -> None:
    assert spread(range(1, 7), count) == chosen
