"""Chart of average precision over the seconds of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mltasks.vision.benchmarks.training.outcome import RunComparison
from mltasks.vision.evaluation.chart import Chart, Dots, Line, Mark, corner_texts, high_share_axis, number_axis
from mltasks.vision.evaluation.chart_file import write_chart

LEGEND = (
    ("the loop the project grew from, a dot an epoch", "fail-ink"),
    ("Second Look, from its first answer on", "review-ink"),
    ("first dot: its classifier; second dot: detectors and autoencoder too", "ink"),
)


def write_race_chart(path: Path, title: str, outcomes: Sequence[RunComparison], *, on_processor: bool) -> None:
    """Write an SVG with all splits: the baseline by epoch, and both finishing points of ours.

    Our points are the trained classifier and the complete training.
    """
    marks: list[Mark] = []
    last = max(run.baseline_curve[-1][0].seconds(on_processor) for run in outcomes)
    for run in outcomes:
        baseline = [(spent.seconds(on_processor), value) for spent, value in run.baseline_curve]
        ends = [race.product.seconds(on_processor) for race in (run.classifier_speed, run.full_speed)]
        last = max(last, *ends)
        ours = list(zip(ends, (run.classifier_only.value or 0.0, run.product.value or 0.0), strict=True))
        marks += [
            Line(baseline, "fail-ink", thin=True),
            Dots(baseline, "fail-ink", small=True),
            Line([*ours, (last, ours[-1][1])], "review-ink", thin=True),
            Dots(ours, "ink"),
        ]
    seconds = "Seconds of the processor" if on_processor else "Seconds"
    x = number_axis(last, f"{seconds}, both on the same threads")
    y = high_share_axis(min(value for run in outcomes for _, value in run.baseline_curve))
    marks += corner_texts(x, y.value(0.4), LEGEND)
    write_chart(path, Chart(f"Average precision by seconds of training\n{title}", x, y, marks, 560, 310))
