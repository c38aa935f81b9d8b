"""Chart of a protocol's table: dots with intervals, or learning curves of strategies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes

from mltasks.vision.benchmarks.repeated_figures import Proportion, Row, RunMean, Table
from mltasks.vision.evaluation.plot_colors import FAIL_INK, INK, LINE, MUTED, PASS_INK, REVIEW
from mltasks.vision.evaluation.plot_style import corner_text, percent_axis, svg_figure

COLORS = (REVIEW, FAIL_INK, PASS_INK, INK)
# Number of rows compared figure by figure, distance between their dots, and maximal lines of a chart
SIDE_BY_SIDE_ROWS, DOT_SPACING, MAX_LINES = 2, 0.3, 30
# In inches: width of the chart, space around the lines, and height of a line
WIDTH, MARGIN_INCHES, LINE_HEIGHT = 7.2, 1.3, 0.3
NIGHT_PATTERN = re.compile(r"(\d+) labels$")


class Dot(NamedTuple):
    """Dot with its interval: line position, color and figure."""

    position: float
    color: str
    figure: RunMean | Proportion


def write_table_chart(path: Path, title: str, table: Table) -> None:
    """Write the table's chart as an SVG, without values above 1 (times and counts)."""
    nights = [row for row in table.rows if all(NIGHT_PATTERN.search(name) for name in row.figures)]
    if nights:
        _curves(path, title, table, nights)
        return
    rows = [row for row in (_shares(row) for row in table.rows) if row.figures]
    if len(rows) == SIDE_BY_SIDE_ROWS and set(rows[0].figures) & set(rows[1].figures):
        _side_by_side(path, title, rows)
    else:
        _stacked(path, title, rows)


def _shares(row: Row) -> Row:
    return Row(row.title, {name: one for name, one in row.figures.items() if one.mean is not None and one.mean <= 1})


def _side_by_side(path: Path, title: str, rows: Sequence[Row]) -> None:
    """Draw a line for each figure and a color for each row."""
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    lines = [
        Dot(names.index(name) + DOT_SPACING * (number - 0.5), COLORS[number], one)
        for number, row in enumerate(rows)
        for name, one in row.figures.items()
    ]
    with svg_figure(path, title, _size(len(names) + len(rows))) as axes:
        _dots(axes, title, names, lines)
        # The rows' titles stand on lines of their own below the figures.
        axes.set_ylim(len(names) - 0.5 + len(rows), -0.6)
        for number, row in enumerate(rows):
            axes.text(0, len(names) + number, row.title, color=COLORS[number], va="center")


def _stacked(path: Path, title: str, rows: Sequence[Row]) -> None:
    """Draw a line for each row's figure, or for each row's first figure above MAX_LINES lines."""
    every = [(f"{row.title}, {name}", one) for row in rows for name, one in row.figures.items()]
    if len(every) > MAX_LINES:
        every = [(row.title, next(iter(row.figures.values()))) for row in rows]
    with svg_figure(path, title, _size(len(every))) as axes:
        lines = [Dot(at, REVIEW, one) for at, (_, one) in enumerate(every)]
        _dots(axes, title, [name for name, _ in every], lines)


def _dots(axes: Axes, title: str, names: Sequence[str], lines: Sequence[Dot]) -> None:
    # The title spans the names on the left too: they take half of the width.
    axes.set_title("")
    if (drawing := axes.get_figure(root=True)) is not None:
        drawing.suptitle(title, x=0.02, ha="left", fontsize=12)
    percent_axis(axes, "Share, with its 95 % interval")
    for at, colour, one in lines:
        if one.mean is None or one.low is None or one.high is None:
            continue
        axes.plot([max(0.0, one.low), min(1.0, one.high)], [at, at], color=colour, linewidth=2, alpha=0.6)
        axes.plot(one.mean, at, "o", color=colour, markersize=6, clip_on=False)
    axes.set(ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
    axes.set_yticklabels(names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="x", color=LINE, linewidth=0.6, alpha=0.6)
    axes.spines["left"].set_visible(False)


def _curves(path: Path, title: str, table: Table, nights: Sequence[Row]) -> None:
    """Draw a curve for each strategy over the labels, and a level for all labels."""
    with svg_figure(path, title, (WIDTH, 4.0)) as axes:
        axes.set(xlabel="Labels", ylabel="Average precision")
        for number, row in enumerate(nights):
            x = [int(found[1]) for name in row.figures if (found := NIGHT_PATTERN.search(name))]
            ones, colour = list(row.figures.values()), COLORS[number % len(COLORS)]
            axes.fill_between(
                x, [one.low or 0.0 for one in ones], [one.high or 0.0 for one in ones], color=colour, alpha=0.15, lw=0
            )
            axes.plot(x, [one.mean or 0.0 for one in ones], color=colour, marker="o", markersize=4)
            corner_text(axes, row.title, colour, line=len(nights) - 1 - number + 8)
        for row in table.rows:
            if row.title == "all labels" and (best := row.figures["average precision"].mean) is not None:
                axes.axhline(best, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
                axes.annotate("all labels", (axes.get_xlim()[0], best), (4, 3), textcoords="offset points", color=MUTED)


def _size(lines: int) -> tuple[float, float]:
    return WIDTH, MARGIN_INCHES + LINE_HEIGHT * lines
