"""Chart of parts a second by clients: with and without the fast path, and of the peer; crops and frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from mltasks.vision.evaluation.chart import Axis, Chart, Mark, Text, box, corner_texts, number_axis
from mltasks.vision.evaluation.chart_file import write_chart
from webapp.benchmarks.serving import fast_path
from webapp.benchmarks.serving.measurement import LoadResult, by_load

COLORS = {"Second Look": "pass-ink", fast_path.NAME: "review-ink", "peer": "muted"}
BAR_WIDTH = 0.28


def plot_rates(path: Path, rows: Sequence[LoadResult]) -> None:
    """Write the chart as an SVG; each bar is the median of the rounds."""
    shown = {
        load: median(row.load.rate for row in rounds) for load, rounds in by_load(rows).items() if load[0] in COLORS
    }
    groups = list(dict.fromkeys(key[1:] for key in shown))
    y = number_axis(max(shown.values()), "parts a second", room=1.25)
    names = [f"{kind}\n{clients} client{'s' if clients > 1 else ''}" for kind, clients in groups]
    x = Axis(-0.5, len(groups) - 0.5, list(enumerate(names)))
    marks: list[Mark] = list(corner_texts(x, y.high, list(COLORS.items())))
    for number, (server, color) in enumerate(COLORS.items()):
        for at, group in enumerate(groups):
            left, rate = at + (number - len(COLORS) / 2) * BAR_WIDTH, shown[server, *group]
            marks += [
                box(left, left + BAR_WIDTH, rate, 0, color, solid=True),
                Text((left + BAR_WIDTH / 2, rate), f"{rate:.1f}", color, "middle", (0, -4)),
            ]
    title = "Parts answered a second: Second Look stores each, the peer stores nothing"
    write_chart(path, Chart(title, x, y, marks, 720, 280))
