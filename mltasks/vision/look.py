"""How figures look: the pages' colours on a dark panel of their own, so that they read on dark and light pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

# Okabe and Ito's palette, as on the pages
PASS, FAIL, REVIEW, NOVELTY = "#009E73", "#D55E00", "#56B4E9", "#F0E442"
PANEL, RAISED, INK, MUTED, LINE = "#171b21", "#232932", "#e8ebef", "#a4adb8", "#4a535e"
# Green and vermillion text must be lighter than their areas to reach 4.5:1 on the panel.
PASS_INK, FAIL_INK = "#3fc79d", "#ff8a3d"
SIZE = (6.4, 4.0)
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "second-look",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titlepad": 14,
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
def figure(path: Path, title: str, size: tuple[float, float] = SIZE) -> Iterator[Axes]:
    """Draw one figure in the block; it is written as an SVG with its text as text, the same bytes every time."""
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.16, h_pad=0.16))
        axes = drawing.add_subplot()
        axes.set_title(title)
        yield axes
        drawing.savefig(path, format="svg", metadata={"Date": None, "Title": title})


def shares(axes: Axes, *, across: str, up: str) -> None:
    """Both axes from 0 to 100 percent."""
    ticks = [0, 0.25, 0.5, 0.75, 1]
    words = ["0", "25", "50", "75", "100 %"]
    axes.set(xlim=(-0.01, 1.02), ylim=(-0.01, 1.04), xticks=ticks, yticks=ticks, xlabel=across, ylabel=up)
    axes.set_xticklabels(words)
    axes.set_yticklabels(words)


def logarithmic(axes: Axes) -> None:
    """A logarithmic vertical axis with ticks at 1, 2 and 5 of each decade, in plain numbers."""
    axes.set_yscale("log")
    axes.margins(y=0.12)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def whole_numbers(axis: Axis) -> None:
    """Ticks at whole numbers only: epochs and parts have no halves."""
    axis.set_major_locator(MaxNLocator(integer=True))
