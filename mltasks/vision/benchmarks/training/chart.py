"""Chart of average precision over the seconds of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mltasks.vision.benchmarks.training.outcome import RunComparison
from mltasks.vision.evaluation.plot_colors import FAIL_INK, INK, MUTED, REVIEW
from mltasks.vision.evaluation.plot_style import corner_text, svg_figure

SIZE = (7.2, 4.0)
LEGEND = (
    ("the loop the project grew from, a dot an epoch", FAIL_INK),
    ("Second Look, from where it can answer on", REVIEW),
    ("● its classifier   ◆ detectors and autoencoder too", MUTED),
)
# First line of the legend counted from above, and the legend's height as a share of the curves' height
LEGEND_FIRST_LINE, LEGEND_HEIGHT = 9, 0.45


def write_race_chart(path: Path, title: str, outcomes: Sequence[RunComparison], *, on_processor: bool) -> None:
    """Write an SVG with all splits: the baseline by epoch, and both finishing points of ours.

    Our points are the trained classifier and the complete training.
    """
    with svg_figure(path, f"Average precision by seconds of learning\n{title}", SIZE) as axes:
        end = max(one.baseline_curve[-1][0].seconds(on_processor) for one in outcomes)
        for one in outcomes:
            seconds = [spent.seconds(on_processor) for spent, _ in one.baseline_curve]
            reached = [value for _, value in one.baseline_curve]
            axes.plot(seconds, reached, color=FAIL_INK, linewidth=1.4, marker="o", markersize=3, alpha=0.8)
            x = [race.product.seconds(on_processor) for race in (one.classifier_speed, one.full_speed)]
            y = [one.classifier_only.value or 0.0, one.product.value or 0.0]
            axes.plot([*x, max(end, x[-1])], [*y, y[-1]], color=REVIEW, linewidth=1.4)
            axes.plot(x[0], y[0], "o", color=INK, markersize=6)
            axes.plot(x[1], y[1], "D", color=INK, markersize=6)
        low, high = axes.get_ylim()
        whose = "Seconds of the processor" if on_processor else "Seconds"
        axes.set(ylim=(low - LEGEND_HEIGHT * (high - low), high), xlabel=f"{whose}, both on the same threads")
        axes.set_xlim(left=0)
        for line, (words, colour) in enumerate(LEGEND, start=LEGEND_FIRST_LINE):
            corner_text(axes, words, colour, line=line)
