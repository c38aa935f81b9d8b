"""Plot style: the pages' colors on a dark panel, readable on dark and light pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from mltasks.vision.evaluation.plot_colors import FAIL, FAIL_INK, INK, LINE, MUTED, PANEL, PASS, PASS_INK, REVIEW

# Inches; small with a large font, because a phone shows a figure at two thirds of this size
SIZE = (5.4, 3.5)
# Between axes and title, in points
TITLE_PAD, STRIP_PAD = 12, 26
# Line height of corner text, as a share of the axes
LINE_HEIGHT = 0.085
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "second-look",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titlecolor": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "figure.facecolor": PANEL,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}


@contextmanager
def svg_figure(path: Path, title: str, size: tuple[float, float] = SIZE, *, strip: bool = False) -> Iterator[Axes]:
    """Draw one figure in the block and write it as a byte-reproducible SVG with real text.

    ``strip`` leaves room above for ``draw_band_strip``.
    """
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.16, h_pad=0.16))
        axes = drawing.add_subplot()
        axes.set_title(title, pad=STRIP_PAD if strip else TITLE_PAD)
        yield axes
        drawing.savefig(path, format="svg", metadata={"Date": None, "Title": title.replace("\n", ": ")})


def percent_axes(axes: Axes, *, x_label: str, y_label: str) -> None:
    """Scale both axes from 0 to 100 percent."""
    ticks = [0, 0.25, 0.5, 0.75, 1]
    words = ["0", "25", "50", "75", "100 %"]
    axes.set(xlim=(-0.01, 1.02), ylim=(-0.01, 1.04), xticks=ticks, yticks=ticks, xlabel=x_label, ylabel=y_label)
    axes.set_xticklabels(words)
    axes.set_yticklabels(words)


def percent_axis(axes: Axes, x_label: str) -> None:
    """Scale the horizontal axis from 0 to 100 percent."""
    axes.set(xlim=(-0.01, 1.01), xticks=[0, 0.25, 0.5, 0.75, 1], xlabel=x_label)
    axes.set_xticklabels(["0", "25", "50", "75", "100 %"])


def draw_band_strip(axes: Axes, low: float, high: float) -> None:
    """Draw PASS, REVIEW and FAIL as a strip along the top of a share axis, labels above."""
    across = axes.get_xaxis_transform()
    for start, end, colour in ((0.0, low, PASS), (low, high, REVIEW), (high, 1.0, FAIL)):
        if end > start:
            axes.add_patch(Rectangle((start, 0.955), end - start, 0.035, transform=across, facecolor=colour, lw=0))
    words: list[tuple[float, str, str, Literal["left", "center", "right"]]] = [
        (0.0, "PASS", PASS_INK, "left"),
        (1.0, "FAIL", FAIL_INK, "right"),
    ]
    if high > low:
        words.append((min(max((low + high) / 2, 0.3), 0.7), "to a person", REVIEW, "center"))
    for x, word, ink, side in words:
        axes.text(x, 1.01, word, transform=across, color=ink, ha=side, va="bottom")


def corner_text(axes: Axes, text: str, color: str, *, line: int, left: bool = False) -> None:
    """Write one line of text into an upper corner."""
    x, side = (0.02, "left") if left else (0.99, "right")
    axes.text(x, 0.99 - LINE_HEIGHT * line, text, transform=axes.transAxes, color=color, ha=side, va="top")


def log_y_axis(axes: Axes) -> None:
    """Scale the vertical axis logarithmically, with plain ticks at 1, 2 and 5 of each decade."""
    axes.set_yscale("log")
    axes.margins(y=0.12)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def ratio_axis(axes: Axes) -> None:
    """Scale the horizontal axis logarithmically, with ticks as multiples in plain numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g} ×")
    axes.xaxis.set_minor_locator(NullLocator())


def integer_ticks(axis: Axis) -> None:
    """Place ticks at integers only, for epochs and parts."""
    axis.set_major_locator(MaxNLocator(integer=True))
