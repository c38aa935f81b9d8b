"""Charts of scores: cost by threshold, calibration, novelty, reconstruction error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mltasks.vision.evaluation.chart import (
    LINE_HEIGHT,
    Area,
    Axis,
    Chart,
    Dots,
    Line,
    Mark,
    Report,
    Text,
    Translate,
    band_strip,
    corner_texts,
    empty_chart,
    interval_line,
    log_axis,
    number_axis,
    share_axis,
    threshold_marks,
)
from mltasks.vision.serving.detector_names import DETECTOR_NAMES

PER_MILLE = 1000


def cost_chart(report: Report, _: Translate) -> Chart:
    """Return the cost of errors per 1000 parts by threshold, its interval and the operating point."""
    rows = report["curves"]["cost"]
    title, x = _("Cost of errors per 1000 parts without review"), share_axis(_("Probability from which a part FAILs"))
    if not rows:
        return empty_chart(title, x, share_axis(), _("Needs good and defective parts"))
    y = number_axis(max(row["high"] for row in rows), room=1.34)
    threshold = report["thresholds"]["defect_probability"]
    here = min(rows, key=lambda row: abs(row["threshold"] - threshold))
    texts = (
        _("FAIL from {threshold}: {cost}").format(threshold=_percent(threshold), cost=_round(here["cost"])),
        _("({low} to {high})").format(low=_round(here["low"]), high=_round(here["high"])),
    )
    low, cost, high = ([(row["threshold"], row[name]) for row in rows] for name in ("low", "cost", "high"))
    marks = [
        Area(high, low, "review"),
        Line(cost, "review-ink"),
        *band_strip(report["review_band"], y, _),
        *threshold_marks(x, y, threshold, texts, "fail-ink"),
        Dots([(threshold, here["cost"])], "fail-ink"),
    ]
    return Chart(title, x, y, marks)


def calibration_chart(report: Report, _: Translate) -> Chart:
    """Return the observed share of defects by predicted probability, with the bands above."""
    x = share_axis(_("Predicted probability of a defect") + _calibration_error_text(report, _))
    y = share_axis(_("Observed share of defects"), 1.22)
    bins = [row for row in report["curves"]["calibration"] if row["observed"] is not None]
    threshold = report["thresholds"]["defect_probability"]
    text = _("FAIL from {threshold}").format(threshold=_percent(threshold))
    marks = [
        Line([(0, 0), (1, 1)], "line", thin=True, dashed=True),
        Text((0.56, 0.5), _("perfect"), offset=(0, LINE_HEIGHT)),
        *band_strip(report["review_band"], y, _),
        *threshold_marks(x, y, threshold, [text], "fail-ink"),
        *(interval_line((row["predicted"], row["observed"]), y=row) for row in bins),
        Dots([(row["predicted"], row["observed"]) for row in bins], "ink"),
    ]
    return Chart(_("Reliability: observed share of defects"), x, y, marks, height=300)


def _calibration_error_text(report: Report, _: Translate) -> str:
    error, chance = report["metrics"].get("calibration_error", {}).get("value"), report.get("chance_calibration_error")
    if error is None or chance is None:
        return ""
    text = _("Calibration error {error} %\nChance alone would give {chance} %")
    return "\n" + text.format(error=f"{100 * error:.1f}", chance=f"{100 * chance:.1f}")


def novelty_chart(report: Report, _: Translate) -> Chart:
    """Return the deciding detector's scores over its threshold, and the AUROC of each detector."""
    data, result = report["curves"]["novelty"], report["novelty"]
    ranking = _ranking_lines(result["auroc"], _)
    label = "\n".join([_("Score over threshold: a part is novel above 1 ×"), *ranking])
    x = log_axis(data["edges"][0], data["edges"][-1], label, " ×")
    title = _("Novelty: {detector} (parts per bin)").format(detector=_detector_name(result["detector"], _))
    return _histogram(title, x, data, data["edges"], 1.0, _("novel above 1 ×"), _, 270 + LINE_HEIGHT * len(ranking))


def _ranking_lines(auroc: Mapping[str, Mapping[str, Any]], _: Translate) -> list[str]:
    """Return lines of two detectors each with their AUROC, the best first."""
    order = sorted(auroc, key=lambda name: -(auroc[name]["value"] or 0))
    values = ["–" if auroc[name]["value"] is None else f"{auroc[name]['value']:.3f}" for name in order]
    named = [f"{_detector_name(name, _)} {value}" for name, value in zip(order, values, strict=True)]
    pairs = ["  ·  ".join(named[at : at + 2]) for at in range(0, len(named), 2)]
    return [_("AUROC, defective parts above good ones:"), *pairs] if pairs else []


def _detector_name(key: str, _: Translate) -> str:
    return _(DETECTOR_NAMES[key]) if key in DETECTOR_NAMES else key


def reconstruction_error_chart(report: Report, _: Translate) -> Chart:
    """Return errors of good and defective parts and the novelty threshold."""
    data, threshold = report["curves"]["reconstruction_error"], PER_MILLE * report["thresholds"]["anomaly"]
    edges = [PER_MILLE * edge for edge in data["edges"]]
    label = _("novel above {threshold}").format(threshold=f"{threshold:.3g}")
    x = Axis(edges[0], edges[-1], number_axis(edges[-1]).ticks)
    return _histogram(_("Reconstruction error (squared, × 10⁻³; parts per bin)"), x, data, edges, threshold, label, _)


def _histogram(
    title: str,
    x: Axis,
    data: Report,
    edges: Sequence[float],
    threshold: float,
    label: str,
    _: Translate,
    height: int = 270,
) -> Chart:
    """Return two histograms and a threshold; the corner away from the threshold counts the parts."""
    counts = [max(pair) for pair in zip(data["good"], data["defect"], strict=True)]
    half = len(counts) // 2
    far = threshold > edges[half]
    # Three lines of text stand above the bars of the half away from the threshold.
    top = max(1.22 * max(1, *counts), max(counts[:half] if far else counts[half:]) / 0.68)
    y = Axis(0, top, number_axis(max(1, *counts), step=1).ticks)
    marks: list[Mark] = []
    for name, color in (("good", "pass"), ("defect", "fail")):
        bars = [(edge, count) for ends, count in zip(pairwise(edges), data[name], strict=True) for edge in ends]
        marks += [Area(bars, [(edges[0], 0), (edges[-1], 0)], color), Line(bars, f"{color}-ink", thin=True)]
    sums = (
        (_("good, n={number}").format(number=sum(data["good"])), "pass-ink"),
        (_("defective, n={number}").format(number=sum(data["defect"])), "fail-ink"),
    )
    named = Text((threshold, top), label, "novelty", "end" if far else "start", (-6 if far else 6, 12))
    line = Line([(threshold, 0), (threshold, top)], "novelty", thin=True)
    return Chart(title, x, y, [*marks, line, named, *corner_texts(x, top, sums, left=far, first=1)], height=height)


def _round(number: float) -> str:
    return f"{number:,.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
