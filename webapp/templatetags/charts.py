"""Geometry of the pages' small charts; templates draw them as SVG without inline styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from django import template
from django.utils.translation import gettext as _

from inspection.models import Product
from inspection.models.choices import verdict_label
from inspection.products.bands import product_bands
from inspection.replay.sample_size import has_enough_parts
from mltasks.models import ModelVersion
from mltasks.vision.evaluation.chart import nice_ceiling
from mltasks.vision.stats.intervals import Estimate

register = template.Library()


@register.inclusion_tag("parts/probability.html")
def probability_bar(product: Product, version: ModelVersion | None, probability: float | None) -> dict[str, Any]:
    """Return the PASS, REVIEW and FAIL bands of a version and the part's mark, in percent."""
    bands = product_bands(product, version)
    return _bands(bands.low, bands.high, bands.fail_threshold, probability)


@register.inclusion_tag("parts/probability.html")
def band_bar(low: float, high: float, fails_from: float) -> dict[str, Any]:
    """Return the bands alone: PASS up to ``low``, REVIEW, FAIL from ``high``.

    The model verdict changes at ``fails_from``.
    """
    return _bands(low, high, fails_from, None)


def _bands(low: float, high: float, fails_from: float, probability: float | None) -> dict[str, Any]:
    return {
        "bands": [band for band in _segments((low, high - low, 1 - high)) if band["width"] > 0],
        "low": low,
        "high": high,
        "labels": _band_labels(low, high),
        "threshold": round(fails_from * 100, 2),
        "probability": probability,
        "mark": None if probability is None else round(min(max(probability, 0.0), 1.0) * 100, 2),
    }


def _segments(lengths: Sequence[float]) -> list[dict[str, Any]]:
    """Return PASS, REVIEW and FAIL as segments of a bar, in percent of its length."""
    starts = accumulate(lengths, initial=0.0)
    return [
        {"name": name, "x": round(100 * start, 2), "width": round(100 * length, 2)}
        for name, start, length in zip(("pass", "review", "fail"), starts, lengths, strict=False)
    ]


def _band_labels(low: float, high: float) -> list[dict[str, Any]]:
    """Return labels of PASS and FAIL at the ends, and REVIEW in the middle of its band."""
    labels: list[dict[str, Any]] = [
        {"text": verdict_label("PASS"), "x": 0.0, "anchor": "start"},
        {"text": verdict_label("FAIL"), "x": 100.0, "anchor": "end"},
    ]
    if high > low:
        middle = min(max(50 * (low + high), 30.0), 70.0)
        labels.append({"text": verdict_label("REVIEW"), "x": round(middle, 2), "anchor": "middle"})
    return labels


@register.inclusion_tag("parts/interval.html")
def interval(metric: Mapping[str, Any] | None, size: str = "") -> dict[str, Any]:
    """Return a metric in [0, 1] as a dot on its 95 % interval, with numbers.

    ``value`` is None for a metric that could not be measured.
    """
    value = metric.get("value") if metric else None  # templates pass "" for what a report lacks
    if not metric or value is None:
        return {"value": None, "size": size}
    low, high = metric.get("low"), metric.get("high")
    context = {"value": value, "low": low, "high": high, "size": size, "n": metric.get("n")}
    if low is None or high is None:
        return context
    return context | _interval_marks(value, low, high)


def _interval_marks(value: float, low: float, high: float, axis_start: float = 0.0) -> dict[str, float]:
    """Return the dot and the interval's ends in percent of an axis from ``axis_start`` to 1."""
    marks = {"dot": value, "from": low, "to": high}
    return {name: round(100 * (max(at, axis_start) - axis_start) / (1 - axis_start), 2) for name, at in marks.items()}


@register.inclusion_tag("parts/interval.html")
def evidence_interval(metric: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a labeled-parts metric with its interval, or a note if there are too few parts."""
    if metric and metric.get("value") is not None and not has_enough_parts(metric):
        return {"few": _("too few to say"), "parts": metric.get("parts", 0)}
    return interval(metric)


KAPPA_MIN = -0.2  # start of the bar; lower values are only in the text


@register.inclusion_tag("parts/kappa.html")
def kappa_bar(estimate: Estimate) -> dict[str, Any]:
    """Return Cohen's kappa as a dot on its 95 % interval, from below chance to full agreement."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return {"value": None}
    chance = round(-100 * KAPPA_MIN / (1 - KAPPA_MIN), 2)
    return {"value": value, "low": low, "high": high, "chance": chance} | _interval_marks(value, low, high, KAPPA_MIN)


@register.inclusion_tag("parts/latency.html")
def latency_bar(row: Mapping[str, Any], longest_ms: float) -> dict[str, Any]:
    """Return p50 as a dot, p99 as the bar's end and the deadline as a line, in percent of ``longest_ms``."""
    marks = {"dot": row["latency"].p50, "end": row["latency"].p99, "limit": row["deadline_ms"]}
    return {name: None if at is None else round(100 * at / longest_ms, 2) for name, at in marks.items()}


@register.inclusion_tag("parts/shares.html")
def verdict_shares(passed: int, review: int, failed: int) -> dict[str, Any]:
    """Return three counts as the segments of one bar."""
    counts = (passed, review, failed)
    total = sum(counts)
    segments = _segments([count / (total or 1) for count in counts])
    return {"bands": [band | {"count": count} for band, count in zip(segments, counts, strict=True)], "total": total}


DAYS_TOP = 24
DAYS_FLOOR = 144
DAYS_LEFT = 6.0  # percent of the width for the axis labels


@register.inclusion_tag("parts/days.html")
def days_chart(days: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return stacked columns, one a day, oldest first; x in percent, y in pixels.

    A day has ``date, passed, review, failed, promoted`` (numbers of versions promoted that day).
    """
    top = int(nice_ceiling(max((day["passed"] + day["review"] + day["failed"] for day in days), default=0) or 1))
    step = (100 - DAYS_LEFT) / max(len(days), 1)
    columns = [_column(DAYS_LEFT + number * step, step, day, top) for number, day in enumerate(days)]
    return {"columns": columns, "top": top, "head": DAYS_TOP, "floor": DAYS_FLOOR, "left": DAYS_LEFT}


def _column(left: float, step: float, day: Mapping[str, Any], top: int) -> dict[str, Any]:
    height = (DAYS_FLOOR - DAYS_TOP) / 100
    blocks = [
        {
            "name": block["name"],
            "y": round(DAYS_FLOOR - height * (block["x"] + block["width"]), 2),
            "height": round(height * block["width"], 2),
        }
        for block in _segments([day[name] / top for name in ("passed", "review", "failed")])
    ]
    x = {"x": round(left + step * 0.14, 2), "width": round(step * 0.72, 2), "middle": round(left + step / 2, 2)}
    return {**day, **x, "blocks": blocks}
