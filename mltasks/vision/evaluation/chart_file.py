"""Chart files: matplotlib draws a chart as an SVG, dark or light as its reader's system asks."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mltasks.vision.evaluation.chart import Area, Chart, Dots, Line, Mark
from mltasks.vision.evaluation.chart_colors import DARK, add_light_theme

PIXELS_PER_INCH = 78
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "second-look",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "text.color": DARK["ink"],
    "axes.labelcolor": DARK["muted"],
    "axes.edgecolor": DARK["line"],
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": DARK["muted"],
    "ytick.color": DARK["muted"],
    "figure.facecolor": DARK["panel"],
    "lines.solid_capstyle": "round",
}
SIDES = {"start": "left", "middle": "center", "end": "right"}


def write_charts(folder: Path, charts: Mapping[str, Chart]) -> None:
    """Write each chart as NAME.svg; ``folder`` must not exist."""
    folder.mkdir()
    for name, chart in charts.items():
        write_chart(folder / f"{name}.svg", chart)


def write_chart(path: Path, chart: Chart) -> None:
    """Write the chart as a byte-reproducible SVG with real text."""
    written = io.StringIO()
    with mpl.rc_context(STYLE):
        size = (chart.width / PIXELS_PER_INCH, chart.height / PIXELS_PER_INCH)
        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.16, h_pad=0.16))
        figure.suptitle(chart.title, x=0.03, ha="left", fontsize=12)
        axes = figure.add_subplot()
        _set_axes(axes, chart)
        for mark in chart.marks:
            _draw(axes, mark)
        figure.savefig(written, format="svg", metadata={"Date": None, "Title": chart.title.replace("\n", ": ")})
    path.write_bytes(add_light_theme(written.getvalue().encode()))


def _set_axes(axes: Axes, chart: Chart) -> None:
    for name, axis in (("x", chart.x), ("y", chart.y)):
        limits, scale = (axis.low, axis.high), "log" if axis.log else "linear"
        axes.set(**{f"{name}scale": scale, f"{name}lim": limits, f"{name}label": axis.label})
        ticks, labels = [at for at, _ in axis.ticks], [text for _, text in axis.ticks]
        axes.set(**{f"{name}ticks": ticks, f"{name}ticklabels": labels})
    axes.minorticks_off()


def _draw(axes: Axes, mark: Mark) -> None:
    color = DARK[mark.color]
    if isinstance(mark, Line):
        style = (0, (3, 3)) if mark.dashed else "-"
        axes.plot(*_columns(mark.points), color=color, lw=1.2 if mark.thin else 2, ls=style, clip_on=False)
    elif isinstance(mark, Area):
        outline = [*mark.upper, *reversed(mark.lower)]
        axes.fill(*_columns(outline), color=color, alpha=1 if mark.solid else 0.25, lw=0)
    elif isinstance(mark, Dots):
        axes.plot(*_columns(mark.points), "o", color=color, markersize=4 if mark.small else 7, clip_on=False)
    else:
        across, down = (72 / PIXELS_PER_INCH * distance for distance in mark.offset)
        text = axes.annotate(mark.text, mark.at, (across, -down), textcoords="offset points", annotation_clip=False)
        text.set(color=color, ha=SIDES[mark.anchor], va="baseline", fontsize=24 if mark.large else 11)


def _columns(points: Any) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
