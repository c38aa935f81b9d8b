"""A report's figures, drawn from the report's own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mltasks.vision.fit_classifier import Epoch
from mltasks.vision.look import (
    FAIL,
    FAIL_INK,
    INK,
    LINE,
    MUTED,
    NOVELTY,
    PASS,
    PASS_INK,
    RAISED,
    REVIEW,
    figure,
    logarithmic,
    shares,
    whole_numbers,
)

Report = Mapping[str, Any]
Curves = Mapping[str, Sequence[Epoch]]
THOUSAND = 1000
SMALLEST_LOSS = 1e-6


def write_plots(folder: Path, report: Report, curves: Curves) -> None:
    """Write every figure as an SVG into ``folder``, from ``Evaluation.to_json()`` and the rounds' training curves."""
    folder.mkdir()
    precision_recall(folder / "precision_recall.svg", report)
    confusion(folder / "confusion.svg", report)
    calibration(folder / "calibration.svg", report)
    reconstruction_error(folder / "reconstruction_error.svg", report)
    training(folder / "training.svg", curves)


def precision_recall(path: Path, report: Report) -> None:
    """The curve over all thresholds, and where the costs put the version."""
    points = report["curves"]["precision_recall"]
    with figure(path, "Precision by recall (share of parts)") as axes:
        shares(axes, across="Recall: defective parts that FAIL", up="Precision: FAIL parts that are defective")
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
    axes.annotate(
        "at the costs' threshold,\n95 % intervals",
        (x, y),
        xytext=(-12, -16),
        textcoords="offset points",
        ha="right",
        va="top",
        color=FAIL_INK,
    )


def confusion(path: Path, report: Report) -> None:
    """Counts of right and wrong labels, what each wrong one costs, and the total."""
    counts, costs = report["confusion"], report["costs"]
    cells = [
        (0, 1, "true_pass", "right", PASS),
        (1, 1, "false_alarm", f"false alarms, {costs['fp']:g} each", FAIL),
        (0, 0, "escape", f"escapes, {costs['fn']:g} each", FAIL),
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


def calibration(path: Path, report: Report) -> None:
    """Predicted probability against the share of defects observed, the review band shaded."""
    with figure(path, "Is the probability right? (share of parts)") as axes:
        shares(axes, across="Predicted probability of a defect", up="Observed share of defects")
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(0.94, 0.9, "perfect", color=MUTED, va="top")
        axes.set_ylim(-0.01, 1.14)
        band, threshold = report["review_band"], report["thresholds"]["defect_probability"]
        if band["low"] < band["high"]:
            axes.axvspan(band["low"], band["high"], color=REVIEW, alpha=0.08, linewidth=0)
            axes.text(band["high"] - 0.01, 1.12, "doubt: to a person", color=REVIEW, ha="right", va="top")
        axes.axvline(threshold, color=FAIL_INK, linewidth=1)
        axes.text(threshold + 0.01, 1.12, "FAIL from here", color=FAIL_INK, va="top")
        for one in report["curves"]["calibration"]:
            if one["observed"] is not None:
                axes.plot([one["predicted"]] * 2, [one["low"], one["high"]], color=MUTED, linewidth=1.2)
                axes.plot(one["predicted"], one["observed"], "o", color=INK, markersize=6)


def reconstruction_error(path: Path, report: Report) -> None:
    """Errors of good and defective parts, and the threshold above which a part is novel."""
    data, threshold = report["curves"]["reconstruction_error"], THOUSAND * report["thresholds"]["anomaly"]
    edges = [THOUSAND * edge for edge in data["edges"]]
    with figure(path, "Reconstruction error (mean squared, × 10⁻³; parts per bin)") as axes:
        for name, area, ink in (("good", PASS, PASS_INK), ("defect", FAIL, FAIL_INK)):
            axes.stairs(data[name], edges, color=area, fill=True, alpha=0.4, linewidth=0)
            axes.stairs(data[name], edges, color=ink, linewidth=1.4)
        axes.set(xlim=(0, edges[-1]), ylim=(0, 1.22 * max(1, *data["good"], *data["defect"])))
        whole_numbers(axes.yaxis)
        axes.axvline(threshold, color=NOVELTY, linewidth=1.4)
        # The threshold's words go to one side of it, the counts where it is not.
        far = threshold > edges[-1] / 2
        words = f" novel above {threshold:.3g} "
        high = axes.get_ylim()[1]
        axes.text(threshold, high, words, color=NOVELTY, ha="right" if far else "left", va="top")
        _corner(axes, f"good, n={sum(data['good'])}", PASS_INK, line=1, left=far)
        _corner(axes, f"defective, n={sum(data['defect'])}", FAIL_INK, line=2, left=far)


def training(path: Path, curves: Curves) -> None:
    """Validation loss of each round by epoch on a logarithmic axis, the best epoch marked."""
    *others, last = curves
    with figure(path, "Validation loss by epoch (weighted cross entropy)") as axes:
        for name in others:
            best, loss = _loss_line(axes, curves[name], LINE, 1.2)
            axes.plot(best, loss, "o", color=MUTED, markersize=4)
        best, loss = _loss_line(axes, curves[last], REVIEW, 2.0)
        axes.plot(best, loss, "o", color=REVIEW, markersize=6)
        logarithmic(axes)
        whole_numbers(axes.xaxis)
        _corner(axes, f"the version, best at epoch {best}", REVIEW, line=0)
        if others:
            _corner(axes, "grey: the folds", MUTED, line=1)


def _loss_line(axes: Axes, curve: Sequence[Epoch], colour: str, width: float) -> tuple[int, float]:
    """Draw one round and return its best epoch and loss."""
    losses = [max(epoch.validation_loss, SMALLEST_LOSS) for epoch in curve]
    axes.plot(range(1, len(losses) + 1), losses, color=colour, linewidth=width)
    return losses.index(min(losses)) + 1, min(losses)


def _corner(axes: Axes, words: str, colour: str, *, line: int, left: bool = False) -> None:
    """Words in an upper corner, line by line."""
    x, side = (0.02, "left") if left else (0.99, "right")
    axes.text(x, 0.99 - 0.075 * line, words, transform=axes.transAxes, color=colour, ha=side, va="top")


def _estimate(report: Report, name: str) -> str:
    found = report["metrics"][name]
    if found["value"] is None:
        return "not measurable"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
