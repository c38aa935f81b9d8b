"""A report's figures, drawn from the report's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mltasks.vision.evaluation.plot_colors import FAIL, FAIL_INK, INK, MUTED, PASS, RAISED, REVIEW
from mltasks.vision.evaluation.plot_style import SIZE, figure, share_axis, shares
from mltasks.vision.evaluation.score_plots import calibration, cost, novelty, reconstruction_error
from mltasks.vision.evaluation.training_plots import Curves, labels, training, watched_training

Report = Mapping[str, Any]
# Height of a figure with one row a defect type, in inches: what is around the rows, and a row
AROUND, ROW = 1.5, 0.42


def write_plots(folder: Path, report: Report, curves: Curves, *, chosen: bool = True) -> None:
    """Write every figure as an SVG into ``folder``, from ``report_of`` and the rounds' training curves. ``chosen`` is
    whether a training kept the epoch of least loss."""
    folder.mkdir()
    precision_recall(folder / "precision_recall.svg", report)
    confusion(folder / "confusion.svg", report)
    cost(folder / "cost.svg", report)
    calibration(folder / "calibration.svg", report)
    novelty(folder / "novelty.svg", report)
    reconstruction_error(folder / "reconstruction_error.svg", report)
    if report["defect_types"]:
        defect_types(folder / "defect_types.svg", report)
    if report["curves"]["labels"]:
        labels(folder / "labels.svg", report)
    (training if chosen else watched_training)(folder / "training.svg", curves)


def precision_recall(path: Path, report: Report) -> None:
    """The curve over all thresholds, and where the costs put the version."""
    points = report["curves"]["precision_recall"]
    with figure(path, "Precision by recall (share of parts)") as axes:
        shares(axes, across="Recall: defective parts that FAIL", up="Precision: right among FAIL")
        if not points:
            axes.text(0.5, 0.5, "No defective part was measured", color=MUTED, ha="center")
            return
        recall, precision = [0.0, *(p[0] for p in points)], [points[0][1], *(p[1] for p in points)]
        axes.step(recall, precision, where="pre", color=REVIEW)
        axes.fill_between(recall, precision, step="pre", color=REVIEW, alpha=0.10, linewidth=0)
        axes.text(0.02, 0.05, f"Average precision {_estimate(report, 'average_precision')}", color=INK)
        _operating_point(axes, report["metrics"])


def _operating_point(axes: Axes, metrics: Mapping[str, Any]) -> None:
    recall, precision = metrics["recall"], metrics["precision"]
    if recall["value"] is None or precision["value"] is None:
        axes.text(0.02, 0.14, "At these costs no part fails", color=MUTED)
        return
    x, y = recall["value"], precision["value"]
    axes.plot([recall["low"], recall["high"]], [y, y], color=FAIL_INK, linewidth=1.2)
    axes.plot([x, x], [precision["low"], precision["high"]], color=FAIL_INK, linewidth=1.2)
    axes.plot(x, y, "o", color=FAIL_INK, markersize=7)
    left = x < 0.5
    axes.annotate(
        "at the costs' threshold,\n95 % intervals",
        (x, y),
        xytext=(12 if left else -12, -16),
        textcoords="offset points",
        ha="left" if left else "right",
        va="top",
        color=FAIL_INK,
    )


def confusion(path: Path, report: Report) -> None:
    """Counts of right and wrong labels, what each wrong one costs, and the total."""
    counts, costs = report["confusion"], report["costs"]
    cells = [
        (0, 1, "true_pass", "right", PASS),
        (1, 1, "false_alarm", f"false alarms, {costs['fp']:g} each", FAIL),
        (0, 0, "escape", f"missed, {costs['fn']:g} each", FAIL),
        (1, 0, "true_fail", "right", PASS),
    ]
    with figure(path, f"Labels by truth (parts); cost {report['cost_matrix']['total']:g} in all") as axes:
        for x, y, name, words, colour in cells:
            wrong = colour == FAIL and counts[name] > 0
            face = FAIL if wrong else (PASS if colour == PASS else RAISED)
            axes.add_patch(Rectangle((x + 0.01, y + 0.015), 0.98, 0.97, facecolor=face, alpha=0.30, linewidth=0))
            axes.text(x + 0.5, y + 0.56, str(counts[name]), ha="center", va="center", fontsize=24)
            axes.text(x + 0.5, y + 0.26, words, ha="center", va="center", color=INK)
        axes.set(xlim=(0, 2), ylim=(0, 2), xticks=[0.5, 1.5], yticks=[0.5, 1.5])
        axes.set_xticklabels(["PASS", "FAIL"])
        axes.set_yticklabels(["defective", "good"])
        axes.tick_params(length=0, labelsize=11, labelcolor=INK)
        axes.spines[:].set_visible(False)


def defect_types(path: Path, report: Report) -> None:
    """Recall of each defect type with its interval and counts, one row a type."""
    rows = list(report["defect_types"].items())
    with figure(path, "Recall by defect type (share that FAIL)", (SIZE[0], AROUND + ROW * len(rows))) as axes:
        share_axis(axes, "Defective parts of the type that FAIL, 95 % interval")
        for y, (_, found) in enumerate(rows):
            axes.plot([found["low"], found["high"]], [y, y], color=MUTED, linewidth=3)
            axes.plot(found["value"], y, "o", color=INK, markersize=7, clip_on=False)
            hits = round(found["value"] * found["n"])
            axes.text(1.04, y, f"{hits} of {found['n']}", color=INK, va="center", clip_on=False)
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
        axes.set_yticklabels([_short(name) for name, _ in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"


def _estimate(report: Report, name: str) -> str:
    found = report["metrics"][name]
    if found["value"] is None:
        return "not measurable"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
