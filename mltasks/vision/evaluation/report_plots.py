"""Figures of a report, drawn from the report's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mltasks.vision.evaluation.plot_colors import FAIL, FAIL_INK, INK, MUTED, PASS, RAISED, REVIEW
from mltasks.vision.evaluation.plot_style import SIZE, percent_axes, percent_axis, svg_figure
from mltasks.vision.evaluation.score_plots import plot_calibration, plot_cost, plot_novelty, plot_reconstruction_error
from mltasks.vision.evaluation.training_plots import (
    Curves,
    plot_learning_curve,
    plot_monitored_loss,
    plot_training_loss,
)

Report = Mapping[str, Any]
# Height of the figure of defect types, in inches: the margins, and one row per type
MARGIN_INCHES, ROW_INCHES = 1.5, 0.42


def write_plots(folder: Path, report: Report, curves: Curves, *, early_stopped: bool = True) -> None:
    """Write every figure of a report (``build_report``) and the training curves as SVG.

    ``folder`` must not exist. ``early_stopped``: trainings kept the epoch of least loss.
    """
    folder.mkdir()
    plot_precision_recall(folder / "precision_recall.svg", report)
    plot_confusion(folder / "confusion.svg", report)
    plot_cost(folder / "cost.svg", report)
    plot_calibration(folder / "calibration.svg", report)
    plot_novelty(folder / "novelty.svg", report)
    plot_reconstruction_error(folder / "reconstruction_error.svg", report)
    if report["defect_types"]:
        plot_defect_types(folder / "defect_types.svg", report)
    if report["curves"]["labels"]:
        plot_learning_curve(folder / "labels.svg", report)
    (plot_training_loss if early_stopped else plot_monitored_loss)(folder / "training.svg", curves)


def plot_precision_recall(path: Path, report: Report) -> None:
    """Plot the curve over all thresholds and the version's operating point."""
    points = report["curves"]["precision_recall"]
    with svg_figure(path, "Precision by recall (share of parts)") as axes:
        percent_axes(axes, x_label="Recall: defective parts that FAIL", y_label="Precision: right among FAIL")
        if not points:
            axes.text(0.5, 0.5, "No defective part was measured", color=MUTED, ha="center")
            return
        recall, precision = [0.0, *(p[0] for p in points)], [points[0][1], *(p[1] for p in points)]
        axes.step(recall, precision, where="pre", color=REVIEW)
        axes.fill_between(recall, precision, step="pre", color=REVIEW, alpha=0.10, linewidth=0)
        axes.text(0.02, 0.05, f"Average precision {_format_estimate(report, 'average_precision')}", color=INK)
        _plot_operating_point(axes, report["metrics"])


def _plot_operating_point(axes: Axes, metrics: Mapping[str, Any]) -> None:
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


def plot_confusion(path: Path, report: Report) -> None:
    """Plot counts of right and wrong model verdicts, the cost of each error, and the total."""
    counts, costs = report["confusion"], report["costs"]
    cells = [
        (0, 1, "true_pass", "right", PASS),
        (1, 1, "false_alarm", f"false alarms, {costs['fp']:g} each", FAIL),
        (0, 0, "escape", f"missed, {costs['fn']:g} each", FAIL),
        (1, 0, "true_fail", "right", PASS),
    ]
    with svg_figure(path, f"Labels by truth (parts); cost {report['cost_matrix']['total']:g} in all") as axes:
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


def plot_defect_types(path: Path, report: Report) -> None:
    """Plot the recall of each defect type with interval and counts, one row per type."""
    rows = list(report["defect_types"].items())
    with svg_figure(
        path, "Recall by defect type (share that FAIL)", (SIZE[0], MARGIN_INCHES + ROW_INCHES * len(rows))
    ) as axes:
        percent_axis(axes, "Defective parts of the type that FAIL, 95 % interval")
        for y, (_, found) in enumerate(rows):
            axes.plot([found["low"], found["high"]], [y, y], color=MUTED, linewidth=3)
            axes.plot(found["value"], y, "o", color=INK, markersize=7, clip_on=False)
            hits = round(found["value"] * found["n"])
            axes.text(1.04, y, f"{hits} of {found['n']}", color=INK, va="center", clip_on=False)
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
        axes.set_yticklabels([_shorten(name) for name, _ in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)


def _shorten(name: str) -> str:
    return name if len(name) <= 18 else name[:17] + "…"


def _format_estimate(report: Report, name: str) -> str:
    found = report["metrics"][name]
    if found["value"] is None:
        return "not measurable"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
