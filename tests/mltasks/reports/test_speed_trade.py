"""Time and quality in charts, rows and text, from points made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from mltasks.reports import speed_trade, version_components
from mltasks.vision.evaluation.chart import Dots, Line, Text


def estimate(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.04, "high": value + 0.02, "n": 200, "parts": 100, "method": "by hand"}


def point(milliseconds: float, precision: float, reviews: float, scores: list[str], chosen: bool) -> dict[str, Any]:
    rates = {"average_precision": estimate(precision), "review_rate": estimate(reviews), "novelty_auroc": estimate(0.9)}
    time = {"milliseconds": milliseconds, "gflop": milliseconds / 10, "removals": 3 - len(scores)}
    return {"chosen": chosen, "scores": scores, "cost_per_1000": estimate(120.0), **time, **rates}


def meta(budget: float = 0.0, chosen: int = 1) -> dict[str, Any]:
    """Three versions, stored in any order; the second fastest was made unless a test says otherwise."""
    rows = [
        (90.0, 0.93, 0.3, ["segmentation", "second_stage", "texture"]),
        (60.0, 0.92, 0.35, ["segmentation", "second_stage"]),
        (40.0, 0.88, 0.5, ["segmentation"]),
    ]
    points = [point(*row, chosen=number == chosen) for number, row in enumerate(rows)]
    return {"trade": {"budget_ms": budget, "removed": ["second_stage"] if chosen == 2 else [], "points": points}}


def test_the_charts_go_through_each_version_the_fastest_first() -> None:
    charts = speed_trade.trade_charts(meta())

    assert list(charts) == ["trade_quality", "trade_reviews"]
    expected = {
        "trade_quality": [(40.0, 0.88), (60.0, 0.92), (90.0, 0.93)],
        "trade_reviews": [(40.0, 0.5), (60.0, 0.35), (90.0, 0.3)],
    }
    for name, chart in charts.items():
        lines = [mark for mark in chart.marks if isinstance(mark, Line)]
        dots = [mark for mark in chart.marks if isinstance(mark, Dots)]
        assert lines[0].points == expected[name] == dots[0].points
        # The intervals of the three, and the version itself.
        middle = expected[name][1]
        assert lines[2].points == [(middle[0], middle[1] - 0.04), (middle[0], middle[1] + 0.02)]
        assert dots[1].points == [middle]
        assert [mark.text for mark in chart.marks if isinstance(mark, Text)] == ["large dot: this version"]
        assert chart.x.low == 0 and chart.x.high > 90 and chart.y.low <= middle[1] <= chart.y.high


def test_a_budget_is_a_line_at_its_milliseconds() -> None:
    chart = speed_trade.trade_charts(meta(budget=120.0))["trade_reviews"]

    dashed = [mark for mark in chart.marks if isinstance(mark, Line) and mark.dashed]
    assert [x for x, _ in dashed[0].points] == [120.0, 120.0] and chart.x.high >= 120
    assert [mark.text for mark in chart.marks if isinstance(mark, Text)] == ["budget", "large dot: this version"]


@pytest.mark.parametrize(
    ("budget", "chosen", "text"),
    [
        (0.0, 1, ""),
        (70.0, 1, "Within the budget of 70 ms."),
        (
            45.5,
            2,
            "Within the budget of 45.5 ms. For the budget this version does without: auxiliary stage.",
        ),
        (20.0, 2, "Above the budget: the fastest version takes 40 ms, the budget is 20 ms. Raise it."),
    ],
)
def test_it_says_if_the_budget_is_kept_and_what_that_costs(budget: float, chosen: int, text: str) -> None:
    assert speed_trade.trade_text(meta(budget, chosen)) == text


def test_the_table_names_the_scores() -> None:
    rows = speed_trade.trade_rows(meta())
    assert [row["heads"] for row in rows] == [
        "segmentation",
        "segmentation, auxiliary stage",
        "segmentation, auxiliary stage, texture",
    ]


@pytest.mark.parametrize("older", [{}, {"trade": {}}, {"trade": {"budget_ms": 0, "removed": [], "points": []}}])
def test_an_older_version_has_neither_charts_nor_text(older: dict[str, Any]) -> None:
    assert (speed_trade.trade_charts(older), speed_trade.trade_rows(older), speed_trade.trade_text(older)) == (
        {},
        [],
        "",
    )


def test_one_version_alone_is_no_chart() -> None:
    alone = meta()
    del alone["trade"]["points"][1:]
    assert speed_trade.trade_charts(alone) == {} and len(speed_trade.trade_rows(alone)) == 1


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"speed": "fast"}, "Fast"),
        ({"speed": "balanced", "budget_ms": 0.0}, "Balanced"),
        ({"speed": "thorough", "budget_ms": 45.5}, "Thorough, at most 45.5 ms per image on one thread"),
    ],
)
def test_the_components_name_speed_and_budget(config: dict[str, Any], text: str) -> None:
    assert version_components.components({"config": config}) == [("Speed", text)]
    assert version_components.components({"config": {"seed": 7}}) == []


def test_what_the_budget_cost_is_not_called_needless() -> None:
    fusion = {"weights": {"segmentation": 1.0}, "bias": 0.0, "dropped": {"texture": 0.0, "second_stage": 0.1}}
    [(_, text)] = version_components.components({"fusion": fusion, "trade": {"removed": ["second_stage"]}})
    assert text.endswith("as well without them: texture")
