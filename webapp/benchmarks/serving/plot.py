"""Chart of parts a second by clients, for both servers, crops and frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mltasks.vision.evaluation.plot_colors import MUTED, PASS
from mltasks.vision.evaluation.plot_style import svg_figure
from webapp.benchmarks.serving.results import LoadResult

COLORS = {"Second Look": PASS, "peer": MUTED}
WIDTH = 0.38


def plot_rates(path: Path, rows: Sequence[LoadResult]) -> None:
    """Write the chart as an SVG."""
    groups = list(dict.fromkeys((row.kind, row.load.clients) for row in rows if row.server in COLORS))
    with svg_figure(
        path, "Parts answered a second: Second Look stores each, the peer stores nothing", (7.2, 3.6)
    ) as axes:
        for number, (server, colour) in enumerate(COLORS.items()):
            rates = [
                next(row.load.rate for row in rows if (row.server, row.kind, row.load.clients) == (server, *group))
                for group in groups
            ]
            places = [at + (number - 0.5) * WIDTH for at in range(len(groups))]
            bars = axes.bar(places, rates, WIDTH, color=colour, label=server)
            axes.bar_label(bars, fmt="%.1f", color=colour, padding=2)
        names = [f"{kind}\n{clients} client{'s' if clients > 1 else ''}" for kind, clients in groups]
        axes.set_xticks(range(len(groups)), names)
        axes.margins(y=0.18)
        axes.set_ylabel("parts a second")
        axes.legend(frameon=False, loc="upper right")
