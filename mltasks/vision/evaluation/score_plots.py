"""Figures of the scores: cost by threshold, calibration, novelty, reconstruction error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from mltasks.vision.evaluation.plot_colors import FAIL, FAIL_INK, INK, LINE, MUTED, NOVELTY, PASS, PASS_INK, REVIEW
from mltasks.vision.evaluation.plot_style import (
    LINE_HEIGHT,
    SIZE,
    corner_text,
    draw_band_strip,
    integer_ticks,
    percent_axes,
    percent_axis,
    ratio_axis,
    svg_figure,
)

Report = Mapping[str, Any]
PER_MILLE = 1000
DETECTOR_NAMES = {
    "memory": "patch memory",
    "second_memory": "auxiliary patch memory",
    "detail": "compact features",
    "places": "multi-scale memory",
    "features": "feature autoencoder",
    "pixels": "pixel autoencoder",
    "whole": "global statistics",
    "second_whole": "auxiliary global statistics",
    "together": "detector ensemble",
}
# Height of one more line under the horizontal axis, in inches
LINE_INCHES = 0.17


def plot_cost(path: Path, report: Report) -> None:
    """Plot the cost of errors per 1000 parts by threshold, its interval and the operating point."""
    rows = report["curves"]["cost"]
    with svg_figure(path, "Cost of mistakes per 1000 parts if nobody looks", strip=True) as axes:
        percent_axis(axes, "Defect probability from which a part FAILs")
        if not rows:
            axes.text(0.5, 0.5, "It takes good and defective parts", color=MUTED, ha="center")
            return
        x, y, low, high = ([row[name] for row in rows] for name in ("threshold", "cost", "low", "high"))
        axes.fill_between(x, low, high, step="post", color=REVIEW, alpha=0.16, linewidth=0)
        axes.step(x, y, where="post", color=REVIEW)
        # A quarter of the height is reserved for strip and text.
        axes.set_ylim(0, 1.34 * max(high))
        draw_band_strip(axes, report["review_band"]["low"], report["review_band"]["high"])
        _plot_cost_point(axes, rows, report["thresholds"]["defect_probability"])


def _plot_cost_point(axes: Axes, rows: Sequence[Mapping[str, float]], threshold: float) -> None:
    here = min(rows, key=lambda row: abs(row["threshold"] - threshold))
    axes.axvline(threshold, ymax=0.94, color=FAIL_INK, linewidth=1, linestyle=(0, (3, 3)))
    axes.plot(threshold, here["cost"], "o", color=FAIL_INK, markersize=7)
    words = f"FAIL from {threshold:.1%} on: {here['cost']:,.0f}\n({here['low']:,.0f} to {here['high']:,.0f})"
    right, top = threshold > 0.5, 0.935 * axes.get_ylim()[1]
    x = threshold + (-0.015 if right else 0.015)
    axes.text(x, top, words.replace("%", " %"), color=FAIL_INK, ha="right" if right else "left", va="top")


def plot_calibration(path: Path, report: Report) -> None:
    """Plot predicted probability against the observed share of defects, with the bands above."""
    with svg_figure(path, _calibration_title(report), strip=True) as axes:
        percent_axes(axes, x_label="Predicted probability of a defect", y_label="Observed share of defects")
        axes.set_ylim(-0.01, 1.16)
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1, linestyle=(0, (4, 3)))
        axes.text(0.56, 0.5, "perfect", color=MUTED, va="top")
        draw_band_strip(axes, report["review_band"]["low"], report["review_band"]["high"])
        threshold = report["thresholds"]["defect_probability"]
        axes.axvline(threshold, ymax=0.93, color=FAIL_INK, linewidth=1, linestyle=(0, (3, 3)))
        right = threshold > 0.5
        words = f"FAIL from {threshold:.1%} on".replace("%", " %")
        x = threshold + (-0.015 if right else 0.015)
        axes.text(x, 1.08, words, color=FAIL_INK, va="top", ha="right" if right else "left")
        for one in report["curves"]["calibration"]:
            if one["observed"] is not None:
                axes.plot([one["predicted"]] * 2, [one["low"], one["high"]], color=MUTED, linewidth=1.2)
                axes.plot(one["predicted"], one["observed"], "o", color=INK, markersize=6)


def _calibration_title(report: Report) -> str:
    found, chance = report["metrics"]["calibration_error"], report["chance_calibration_error"]
    if found["value"] is None:
        return "Is the probability right? (share of parts)"
    return f"Expected calibration error {100 * found['value']:.1f} %\nChance alone would give {100 * chance:.1f} %"


def plot_novelty(path: Path, report: Report) -> None:
    """Plot the deciding detector's scores over its threshold, and the AUROC of each detector."""
    data, result = report["curves"]["novelty"], report["novelty"]
    ranking = _ranking_lines(result["auroc"])
    size = (SIZE[0], SIZE[1] + LINE_INCHES * len(ranking))
    with svg_figure(path, f"Novelty by the {_detector_name(result['detector'])} (parts per bin)", size) as axes:
        # The lines stand under the axis: beside the bars they would leave no room for the bars.
        axes.set_xlabel("\n".join(["Score over threshold: a part is novel above 1 ×", *ranking]), fontsize=9.5)
        ratio_axis(axes)
        _plot_histogram(axes, data, data["edges"], 1.0, "novel above 1 ×")


def _ranking_lines(auroc: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return lines of two detectors each with their AUROC, the best first."""
    order = sorted(auroc, key=lambda name: -(auroc[name]["value"] or 0))
    values = ["–" if auroc[name]["value"] is None else f"{auroc[name]['value']:.3f}" for name in order]
    named = [f"{_detector_name(name)} {value}" for name, value in zip(order, values, strict=True)]
    pairs = ["  ·  ".join(named[at : at + 2]) for at in range(0, len(named), 2)]
    return ["AUROC, defective parts above good ones:", *pairs] if pairs else []


def _detector_name(key: str) -> str:
    return DETECTOR_NAMES.get(key, key)


def plot_reconstruction_error(path: Path, report: Report) -> None:
    """Plot errors of good and defective parts and the novelty threshold."""
    data, threshold = report["curves"]["reconstruction_error"], PER_MILLE * report["thresholds"]["anomaly"]
    edges = [PER_MILLE * edge for edge in data["edges"]]
    with svg_figure(path, "Reconstruction error (squared, × 10⁻³; parts per bin)") as axes:
        _plot_histogram(axes, data, edges, threshold, f"novel above {threshold:.3g}")


def _plot_histogram(axes: Axes, data: Mapping[str, Any], edges: Sequence[float], threshold: float, label: str) -> None:
    """Draw two histograms and a threshold; the corner away from the threshold counts the parts."""
    for name, area, ink in (("good", PASS, PASS_INK), ("defect", FAIL, FAIL_INK)):
        axes.stairs(data[name], edges, color=area, fill=True, alpha=0.4, linewidth=0)
        axes.stairs(data[name], edges, color=ink, linewidth=1.4)
    counts = np.maximum(data["good"], data["defect"])
    # Bins are equally wide on both linear and logarithmic axes.
    half = len(counts) // 2
    far = threshold > edges[half]
    beside = counts[:half] if far else counts[half:]
    top = max(1.22 * max(1, *counts), max(beside) / (1 - 3 * LINE_HEIGHT))
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, top))
    integer_ticks(axes.yaxis)
    axes.axvline(threshold, color=NOVELTY, linewidth=1.4)
    side: Literal["left", "right"] = "right" if far else "left"
    aside = (-4 if far else 4, 0)
    axes.annotate(label, (threshold, top), xytext=aside, textcoords="offset points", color=NOVELTY, ha=side, va="top")
    corner_text(axes, f"good, n={sum(data['good'])}", PASS_INK, line=1, left=far)
    corner_text(axes, f"defective, n={sum(data['defect'])}", FAIL_INK, line=2, left=far)
