"""The cost curve: at each threshold what its mistakes cost, with an interval that is never nothing."""

from __future__ import annotations

import json

import pytest

from mltasks.vision.evaluation.cost_curve import cost_curve
from mltasks.vision.types import Costs

PROBABILITIES, TARGETS, PARTS = [0.05, 0.3, 0.105, 0.6, 0.9], [0, 0, 1, 1, 1], ["a", "b", "c", "d", "e"]


def row_at(rows: list[dict[str, float]], threshold: float) -> dict[str, float]:
    return next(row for row in rows if row["threshold"] == pytest.approx(threshold))


def test_it_counts_escapes_and_false_alarms_at_each_threshold() -> None:
    rows = cost_curve(PROBABILITIES, TARGETS, PARTS, Costs())

    assert row_at(rows, 0)["cost"] == pytest.approx(1000 * 2 / 5)
    assert row_at(rows, 1)["cost"] == pytest.approx(1000 * 5 * 3 / 5)
    # One of three defects escapes, one of two good parts alarms.
    assert row_at(rows, 1 / 6)["cost"] == pytest.approx(1000 * (5 * 1 / 5 + 1 / 5))
    assert [row["threshold"] for row in rows] == sorted(row["threshold"] for row in rows)
    json.dumps(rows, allow_nan=False)


def test_the_lines_share_of_defects_weighs_the_mistakes() -> None:
    rows = cost_curve(PROBABILITIES, TARGETS, PARTS, Costs(), defect_rate=0.01)

    assert row_at(rows, 1)["cost"] == pytest.approx(1000 * 5 * 0.01)
    assert row_at(rows, 0)["cost"] == pytest.approx(1000 * 0.99)


def test_each_cost_lies_in_its_interval_which_fewer_parts_widen() -> None:
    rows = cost_curve(PROBABILITIES * 4, TARGETS * 4, [str(n) for n in range(20)], Costs())
    repeated = cost_curve(PROBABILITIES * 4, TARGETS * 4, PARTS * 4, Costs())

    assert all(row["low"] <= row["cost"] <= row["high"] for row in rows)
    for alone, same in zip(rows, repeated, strict=True):
        assert alone["cost"] == same["cost"]
        assert alone["high"] - alone["low"] < same["high"] - same["low"]


def test_one_class_alone_has_no_curve() -> None:
    assert cost_curve([0.1, 0.2], [1, 1], ["a", "b"], Costs()) == []
