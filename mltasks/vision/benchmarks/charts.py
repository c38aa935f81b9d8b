"""Chart of a protocol's table: dots with intervals, learning curves of strategies, or quality over time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mltasks.vision.benchmarks.repeated_figures import Proportion, Row, RunMean, Table
from mltasks.vision.evaluation.chart import (
    TEXT_GAP,
    Area,
    Chart,
    Dots,
    Line,
    Mark,
    Text,
    corner_texts,
    high_share_axis,
    number_axis,
    row_axis,
    share_axis,
)
from mltasks.vision.evaluation.chart_file import write_chart

COLORS = ("review-ink", "fail-ink", "pass-ink", "ink")
# Number of rows compared figure by figure, distance between their dots, and maximal lines of a chart
SIDE_BY_SIDE_ROWS, DOT_SPACING, MAX_LINES = 2, 0.3, 30
# In pixels: width of the chart, space around the lines, and height of a line
WIDTH, MARGIN, ROW_HEIGHT = 560, 100, 24
NIGHT_PATTERN = re.compile(r"(\d+) labels$")
# Rows with the first figure are drawn as the second over the first.
COST_FIGURE, QUALITY_FIGURE = "milliseconds", "average precision"
Figure = RunMean | Proportion


def write_table_chart(path: Path, title: str, table: Table) -> None:
    """Write the table's chart as an SVG, without values above 1 (times and counts)."""
    nights = [row for row in table.rows if all(NIGHT_PATTERN.search(name) for name in row.figures)]
    rows = [row for row in (_shares(row) for row in table.rows) if row.figures]
    if nights:
        chart = _curves(title, table, nights)
    elif table.rows and all(COST_FIGURE in row.figures for row in table.rows):
        chart = _against_cost(title, table.rows)
    elif len(rows) == SIDE_BY_SIDE_ROWS and set(rows[0].figures) & set(rows[1].figures):
        chart = _side_by_side(title, rows)
    else:
        chart = _stacked(title, rows)
    write_chart(path, chart)


def _shares(row: Row) -> Row:
    figures = row.figures.items()
    return Row(row.title, {name: figure for name, figure in figures if figure.mean is not None and figure.mean <= 1})


def _side_by_side(title: str, rows: Sequence[Row]) -> Chart:
    """Return a line for each figure and a color for each row, whose titles stand below."""
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    marks: list[Mark] = []
    for number, (row, color) in enumerate(zip(rows, COLORS, strict=False)):
        marks.append(Text((0, len(names) + number), row.title, color, offset=(4, 4)))
        for name, figure in row.figures.items():
            marks += _interval(names.index(name) + DOT_SPACING * (number - 0.5), figure, color)
    return _rows_chart(title, [*names, *[""] * len(rows)], marks)


def _stacked(title: str, rows: Sequence[Row]) -> Chart:
    """Return a line for each row's figure, or for each row's first figure above MAX_LINES lines."""
    figures = [(f"{row.title}, {name}", figure) for row in rows for name, figure in row.figures.items()]
    if len(figures) > MAX_LINES:
        figures = [(row.title, next(iter(row.figures.values()))) for row in rows]
    marks = [mark for at, (_, figure) in enumerate(figures) for mark in _interval(at, figure, COLORS[0])]
    return _rows_chart(title, [name for name, _ in figures], marks)


def _interval(at: float, figure: Figure, color: str) -> list[Mark]:
    if figure.mean is None or figure.low is None or figure.high is None:
        return []
    ends = [(max(0.0, figure.low), at), (min(1.0, figure.high), at)]
    return [Line(ends, color, thin=True), Dots([(figure.mean, at)], color)]


def _rows_chart(title: str, names: Sequence[str], marks: Sequence[Mark]) -> Chart:
    x, y = share_axis("Share, with its 95 % interval"), row_axis(names)
    return Chart(title, x, y, marks, WIDTH, MARGIN + ROW_HEIGHT * len(names))


def _curves(title: str, table: Table, nights: Sequence[Row]) -> Chart:
    """Return a curve for each strategy over the labels, and a level for all labels."""
    # The names stand in the room below the curves.
    lowest = min(figure.low or 0.0 for row in nights for figure in row.figures.values()) - 0.15
    y = high_share_axis(lowest, "Average precision")
    marks: list[Mark] = []
    counts = [[int(match[1]) for match in map(NIGHT_PATTERN.search, row.figures) if match] for row in nights]
    x = number_axis(max(map(max, counts)), "Labels")
    for number, (row, labels) in enumerate(zip(nights, counts, strict=True)):
        color = COLORS[number % len(COLORS)]
        low, mean, high = (
            [(at, getattr(figure, name) or 0.0) for at, figure in zip(labels, row.figures.values(), strict=True)]
            for name in ("low", "mean", "high")
        )
        marks += [Area(high, low, color), Line(mean, color), Dots(mean, color, small=True)]
    for row in table.rows:
        if row.title == "all labels" and (best := row.figures["average precision"].mean) is not None:
            marks.append(Line([(0, best), (x.high, best)], "muted", thin=True, dashed=True))
            marks.append(Text((0, best), row.title, "muted", offset=(4, -4)))
    names = [(row.title, COLORS[number % len(COLORS)]) for number, row in enumerate(nights)]
    marks += corner_texts(x, y.value(0.3), names)
    return Chart(title, x, y, marks, WIDTH, 310)


def _against_cost(title: str, rows: Sequence[Row]) -> Chart:
    """Return a named dot for each row: its quality over its milliseconds."""
    points = [(row.figures[COST_FIGURE].mean or 0.0, row.figures[QUALITY_FIGURE].mean or 0.0) for row in rows]
    x = number_axis(max(cost for cost, _ in points), "Milliseconds for one image", room=1.4)
    y = high_share_axis(min(quality for _, quality in points), QUALITY_FIGURE.capitalize())
    marks: list[Mark] = [Dots(points, COLORS[0])]
    marks += [Text(at, row.title, offset=(TEXT_GAP, -TEXT_GAP)) for at, row in zip(points, rows, strict=True)]
    return Chart(title, x, y, marks, WIDTH, 310)
