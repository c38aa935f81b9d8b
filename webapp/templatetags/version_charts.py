"""Geometry of several versions' curves on the same axes: a colour and a dash for each, its name at the curve's end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from django import template
from django.utils.translation import gettext as _

from mltasks.reports.version_report import Reading
from webapp.templatetags.charts import nice_ceiling
from webapp.templatetags.line_simplification import Point, staircase, straightened, thin

register = template.Library()
# A chart in its own units: the axes' box, and right of it the names of the curves.
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, FLOOR = 40, 306, 10, 206
NAMES_APART = 16
# Columns as wide as a pixel or two, and how far a line may pass by a point
COLUMN, STRAIGHT = 2.0, 0.4
# Where a type's axis begins and how long it is, in percent of the width
AXIS, LONG = 12.0, 34.0
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
Scale = Callable[[float], float]


@register.inclusion_tag("parts/curves.html")
def precision_recall_chart(readings: Sequence[Reading]) -> dict[str, Any]:
    """Precision by recall, each version's operating point marked."""
    lines = []
    for number, reading in enumerate(readings, 1):
        levels = _highest(reading.report.get("curves", {}).get("precision_recall", []))
        metrics = reading.metrics
        at = (_value(metrics, "recall"), _value(metrics, "precision"))
        lines.append(_line(number, reading, _drawn(staircase(levels), _share_up), _spot(at, _share_up)))
    title = _("Precision by recall (share of parts)")
    words = _("Recall: defective parts that FAIL")
    return _chart(title, words, lines, _shares_up())


@register.inclusion_tag("parts/curves.html")
def cost_chart(readings: Sequence[Reading]) -> dict[str, Any]:
    """Cost of mistakes per 1000 parts wherever FAIL begins, each version's own threshold marked."""
    curves = [reading.report.get("curves", {}).get("cost", []) for reading in readings]
    top = nice_ceiling(max((row["cost"] for rows in curves for row in rows), default=0))
    lines = []
    for number, (reading, rows) in enumerate(zip(readings, curves, strict=True), 1):
        threshold = reading.report.get("thresholds", {}).get("defect_probability")
        near = min(rows, key=lambda row: abs(row["threshold"] - threshold)) if rows and threshold is not None else None
        points = [(row["threshold"], row["cost"] / top) for row in rows]
        spot = _spot((near["threshold"], near["cost"] / top), _share_up) if near else None
        lines.append(_line(number, reading, _drawn(points, _share_up), spot))
    ticks = [(_share_up(part), f"{top * part:g}") for part in (0, 0.5, 1)]
    title = _("Cost of mistakes per 1000 parts")
    return _chart(title, _("Defect probability from which a part FAILs"), lines, ticks)


@register.inclusion_tag("parts/curves.html")
def reliability_chart(readings: Sequence[Reading]) -> dict[str, Any]:
    """Observed share of defects by predicted probability: right on the diagonal."""
    lines = []
    for number, reading in enumerate(readings, 1):
        bins = reading.report.get("curves", {}).get("calibration", [])
        points = [(one["predicted"], one["observed"]) for one in bins if one["observed"] is not None]
        marks = "".join(f"M{_across(x):.1f} {_share_up(y):.1f}h0" for x, y in points)
        lines.append({**_line(number, reading, _drawn(points, _share_up), None), "marks": marks})
    title = _("Reliability: observed share of defects")
    diagonal = (_across(0), _share_up(0), _across(1), _share_up(1))
    return {**_chart(title, _("Predicted probability of a defect"), lines, _shares_up()), "diagonal": diagonal}


@register.inclusion_tag("parts/type_recall.html")
def type_recall(readings: Sequence[Reading], estimates: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """One defect type's recall by every version, one under another on the same axis."""
    rows = []
    for number, (reading, found) in enumerate(zip(readings, estimates, strict=True)):
        known = found if found is not None and found.get("value") is not None else None
        shares = {name: _along(known[name]) for name in ("low", "value", "high")} if known else {}
        row = {"number": reading.version.number, "place": number + 1, "y": 24 * number + 12, "estimate": known}
        rows.append(row | {"at": shares, "low": round(100 * known["low"]) if known else None})
    return {"rows": rows, "height": 24 * len(rows)}


def _along(share: float) -> float:
    return round(AXIS + LONG * share, 2)


def _highest(points: Sequence[Sequence[float]]) -> list[Point]:
    """The first, and so highest, precision at each recall; reports list points from the highest score down."""
    found: dict[float, float] = {}
    for recall, precision, *_score in points:
        found.setdefault(recall, precision)
    return [(recall, precision) for recall, precision in found.items() if recall > 0]


def _chart(title: str, across: str, lines: Sequence[dict[str, Any]], ticks: Sequence[Any]) -> dict[str, Any]:
    drawn = [line for line in lines if line["path"]]
    _name_apart(drawn)
    box = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "floor": FLOOR}
    columns = [(_across(part), f"{100 * part:g}") for part in QUARTERS]
    return box | {"title": title, "across": across, "lines": drawn, "ticks": ticks, "columns": columns}


def _line(number: int, reading: Reading, points: Sequence[Point], spot: Point | None) -> dict[str, Any]:
    end = points[-1] if points else (RIGHT, FLOOR)
    return {"place": number, "number": reading.version.number, "path": _path(points), "end": end, "spot": spot}


def _path(points: Sequence[Point]) -> str:
    """Lines from point to point, each told from the one before: that takes half the bytes."""
    if not points:
        return ""
    steps = ((x - a, y - b) for (a, b), (x, y) in pairwise(points))
    return f"M{points[0][0]:g} {points[0][1]:g}l" + " ".join(f"{across:g} {down:g}" for across, down in steps)


def _drawn(points: Sequence[Point], up: Scale) -> list[Point]:
    """Points in the chart's units: as many as it can show, none farther off than half a pixel is seen."""
    placed = thin([(_across(x), up(y)) for x, y in points], COLUMN)
    return [(round(2 * x) / 2, round(2 * y) / 2) for x, y in straightened(placed, STRAIGHT)]


def _name_apart(lines: Sequence[dict[str, Any]]) -> None:
    """Give each curve's name a height near its end, none on another: ``name_y``."""
    ordered = sorted(lines, key=lambda line: (line["end"][1], line["place"]))
    least = float(TOP)
    for left, line in zip(range(len(ordered), 0, -1), ordered, strict=True):
        most = FLOOR - NAMES_APART * (left - 1)
        line["name_y"] = max(least, min(line["end"][1], most))
        least = line["name_y"] + NAMES_APART


def _across(share: float) -> float:
    return LEFT + (RIGHT - LEFT) * share


def _share_up(share: float) -> float:
    return FLOOR - (FLOOR - TOP) * share


def _shares_up() -> list[tuple[float, str]]:
    return [(_share_up(part), "100 %" if part == 1 else f"{100 * part:g}") for part in (0, 0.5, 1)]


def _spot(at: tuple[float | None, float | None], up: Scale) -> Point | None:
    x, y = at
    return None if x is None or y is None else (round(_across(x), 1), round(up(y), 1))


def _value(metrics: Mapping[str, Any], name: str) -> float | None:
    found: float | None = (metrics.get(name) or {}).get("value")
    return found
