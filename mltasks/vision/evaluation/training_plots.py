"""Figures of training: loss by epoch and the learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from mltasks.vision.evaluation.plot_colors import INK, LINE, MUTED, REVIEW
from mltasks.vision.evaluation.plot_style import corner_text, integer_ticks, log_y_axis, svg_figure


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of one training; losses are weighted binary cross entropies per image."""

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float

    def to_json(self) -> dict[str, float | int]:
        """Return plain JSON types."""
        return asdict(self)


Report = Mapping[str, Any]
Curves = Mapping[str, Sequence[Epoch]]
SMALLEST_LOSS = 1e-6
INTERVAL_KEYS = ("low", "value", "high")
# Margin beside the outermost points of a logarithmic axis, as a factor
AXIS_MARGIN = 1.3


def plot_learning_curve(path: Path, report: Report) -> None:
    """Plot average precision with intervals by the number of labels; all labels come last."""
    points = [point for point in report["curves"]["labels"] if point["average_precision"]["value"] is not None]
    with svg_figure(path, "Average precision by labels learned from") as axes:
        if not points:
            axes.text(0.5, 0.5, "It takes good and defective parts", color=MUTED, ha="center")
            return
        x = [point["labels"] for point in points]
        found = [{name: 100 * point["average_precision"][name] for name in INTERVAL_KEYS} for point in points]
        axes.plot(x, [one["value"] for one in found], color=REVIEW)
        for count, one in zip(x, found, strict=True):
            axes.plot([count, count], [one["low"], one["high"]], color=MUTED, linewidth=1.2)
            axes.plot(count, one["value"], "o", color=INK, markersize=6)
            at, words = (count, one["value"]), f"{one['value']:.1f} %"
            axes.annotate(words, at, (8, -4), textcoords="offset points", va="top", color=INK)
        axes.set_xscale("log")
        axes.set(
            xticks=x, xlim=(x[0] / AXIS_MARGIN, x[-1] * AXIS_MARGIN**2), xlabel="Labels; the last point stands for all"
        )
        axes.set_xticklabels([str(count) for count in x])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10], integer=True))
        axes.yaxis.set_major_formatter("{x:.0f} %")


def plot_training_loss(path: Path, curves: Curves) -> None:
    """Plot each training's validation loss by epoch on a logarithmic axis; mark the best epoch."""
    *others, last = curves
    with svg_figure(path, "Validation loss by epoch (weighted cross entropy)") as axes:
        for name in others:
            best, loss = _loss_line(axes, curves[name], LINE, 1.2)
            axes.plot(best, loss, "o", color=MUTED, markersize=4)
        best, loss = _loss_line(axes, curves[last], REVIEW, 2.0)
        axes.plot(best, loss, "o", color=REVIEW, markersize=6)
        _loss_axes(axes)
        corner_text(axes, f"the version, best at epoch {best}", REVIEW, line=0)
        if others:
            corner_text(axes, "grey: the folds", MUTED, line=1)


def plot_monitored_loss(path: Path, curves: Curves) -> None:
    """Plot each training's loss by epoch if every epoch is trained: the loss decides nothing."""
    *others, last = curves
    title = "Loss on held-out parts by epoch (cross entropy)\nNothing is chosen by it: all epochs are trained"
    with svg_figure(path, title) as axes:
        for name in others:
            _loss_line(axes, curves[name], MUTED, 1.2)
        _loss_line(axes, curves[last], REVIEW, 2.0)
        _loss_axes(axes)
        # The version of a cross-validation trained on all parts: none is held out.
        corner_text(axes, f"the version, on parts it {'learned from' if others else 'never saw'}", REVIEW, line=0)
        if others:
            corner_text(axes, "grey: the folds, on parts they never saw", MUTED, line=1)


def _loss_axes(axes: Axes) -> None:
    log_y_axis(axes)
    low, high = axes.get_ylim()
    # Room for the text above the curves
    axes.set_ylim(low, high * (high / low) ** 0.3)
    integer_ticks(axes.xaxis)
    if axes.get_xlim()[1] < 2:
        axes.set_xlim(0, 2)
    axes.set_xlabel("Epoch")


def _loss_line(axes: Axes, curve: Sequence[Epoch], colour: str, width: float) -> tuple[int, float]:
    """Draw one training's loss and return its best epoch and loss."""
    losses = [max(epoch.validation_loss, SMALLEST_LOSS) for epoch in curve]
    marker = "o" if len(losses) == 1 else ""
    axes.plot(range(1, len(losses) + 1), losses, color=colour, linewidth=width, marker=marker)
    return losses.index(min(losses)) + 1, min(losses)
