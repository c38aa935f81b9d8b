"""A report's figures in words and as positions on a bar: for the admin's report, lists and comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Metrics = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a report: its name in the JSON, its title and its meaning in words. A share is in [0, 1]."""

    name: str
    title: str
    meaning: str
    share: bool = True


FIGURES = (
    Figure("average_precision", "Average precision", "How well defects are ranked above good parts"),
    Figure("auroc", "AUROC", "Chance that a defect scores above a good part"),
    Figure("recall", "Recall", "Defective parts that FAIL"),
    Figure("precision", "Precision", "FAIL parts that are defective"),
    Figure("accuracy", "Accuracy", "Parts with the right label"),
    Figure("escape_rate", "Escapes", "Defective parts that PASS"),
    Figure("false_alarm_rate", "False alarms", "Good parts that FAIL"),
    Figure("review_rate", "Reviews", "Parts that a person would be asked about"),
    Figure("novelty_recall", "Novelty recall", "Defective parts that look unlike good ones"),
    Figure("novelty_false_alarm_rate", "Novelty false alarms", "Good parts that look unlike good ones"),
    Figure("novelty_auroc", "Novelty AUROC", "Chance that a defect looks less like a good part than a good one"),
    Figure(
        "cost_per_1000", "Cost of 1,000 parts", "Of escapes and false alarms, in the unit of the costs", share=False
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one version, ready to be shown. Positions are percent of the bar; None draws no bar."""

    title: str
    meaning: str
    value: str
    interval: str
    n: int
    parts: int
    at: float | None = None
    start: float | None = None
    width: float | None = None


def rows(metrics: Metrics) -> list[Row]:
    """The known figures that the report has, in the order of ``FIGURES``."""
    return [row(figure, metrics[figure.name]) for figure in FIGURES if figure.name in metrics]


def row(figure: Figure, estimate: Mapping[str, Any]) -> Row:
    """One figure in words."""
    value, low, high = (estimate.get(name) for name in ("value", "low", "high"))
    counts = int(estimate.get("n") or 0), int(estimate.get("parts") or 0)
    words = _percent if figure.share else _number
    if value is None or low is None or high is None:
        said = "not measurable" if value is None else words(value)
        return Row(figure.title, figure.meaning, said, "", *counts)
    interval = f"{words(low)} to {words(high)}"
    bar = (round(100 * value, 2), round(100 * low, 2), round(100 * (high - low), 2)) if figure.share else ()
    return Row(figure.title, figure.meaning, words(value), interval, *counts, *bar)


def named(metrics: Metrics | None, name: str) -> Row | None:
    """One figure by its name; None when the report has none of that name."""
    figure = next(figure for figure in FIGURES if figure.name == name)
    return row(figure, metrics[name]) if metrics and name in metrics else None


def side_by_side(candidate: Metrics, champion: Metrics | None) -> list[tuple[Row, Row | None]]:
    """Each figure of the candidate beside the champion's."""
    return [
        (row(figure, candidate[figure.name]), named(champion, figure.name))
        for figure in FIGURES
        if figure.name in candidate
    ]


def verdict(evaluation: Mapping[str, Any]) -> str:
    """The report in one sentence."""
    metrics: Metrics = evaluation["metrics"]
    recall, alarms = named(metrics, "recall"), named(metrics, "false_alarm_rate")
    return f"Finds {_of(recall)} of the defective parts and fails {_of(alarms)} of the good ones."


def _of(found: Row | None) -> str:
    if found is None or not found.interval:
        return "an unknown share"
    return f"{found.value} (95 % interval {found.interval}, n = {found.n})"


def _percent(share: float) -> str:
    """A share with one decimal, none where it is whole."""
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def _number(value: float) -> str:
    return f"{value:,.0f}"
