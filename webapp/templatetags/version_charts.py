"""Geometry of several versions' curves on the same axes.

Each version has a color, a dash, and its name at the curve's end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from django import template
from django.utils.translation import gettext as _

from mltasks.reports.version_report import VersionReport
from webapp.templatetags.charts import nice_ceiling
from webapp.templatetags.line_simplification import Point, downsample, simplify_line, step_line

register = template.Library()
# Chart units: the axes' box, and to its right the names of the curves.
WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, FLOOR = 40, 306, 10, 206
MIN_NAME_GAP = 16
# Column width of a pixel or two, and maximal distance of a line from a point
COLUMN_WIDTH, LINE_TOLERANCE = 2.0, 0.4
# Start and length of a defect type's axis, in percent of the width
TYPE_AXIS_START, TYPE_AXIS_LENGTH = 12.0, 34.0
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)
Scale = Callable[[float], float]


@register.inclusion_tag("parts/curves.html")
def precision_recall_chart(reports: Sequence[VersionReport]) -> dict[str, Any]:
    """Return precision by recall, each version's operating point marked."""
    lines = []
    for number, reading in enumerate(reports, 1):
        levels = _max_precision_by_recall(reading.evaluation.get("curves", {}).get("precision_recall", []))
        metrics = reading.metrics
        at = (_metric_value(metrics, "recall"), _metric_value(metrics, "precision"))
        lines.append(_line(number, reading, _chart_points(step_line(levels), _y_position), _marker(at, _y_position)))
    title = _("Precision by recall (share of parts)")
    words = _("Recall: defective parts that FAIL")
    return _chart(title, words, lines, _percent_ticks())


@register.inclusion_tag("parts/curves.html")
def cost_chart(reports: Sequence[VersionReport]) -> dict[str, Any]:
    """Return the cost of mistakes per 1000 parts by FAIL threshold, own thresholds marked."""
    curves = [reading.evaluation.get("curves", {}).get("cost", []) for reading in reports]
    top = nice_ceiling(max((row["cost"] for rows in curves for row in rows), default=0))
    lines = []
    for number, (reading, rows) in enumerate(zip(reports, curves, strict=True), 1):
        threshold = reading.evaluation.get("thresholds", {}).get("defect_probability")
        near = min(rows, key=lambda row: abs(row["threshold"] - threshold)) if rows and threshold is not None else None
        points = [(row["threshold"], row["cost"] / top) for row in rows]
        spot = _marker((near["threshold"], near["cost"] / top), _y_position) if near else None
        lines.append(_line(number, reading, _chart_points(points, _y_position), spot))
    ticks = [(_y_position(part), f"{top * part:g}") for part in (0, 0.5, 1)]
    title = _("Cost of mistakes per 1000 parts")
    return _chart(title, _("Defect probability from which a part FAILs"), lines, ticks)


@register.inclusion_tag("parts/curves.html")
def reliability_chart(reports: Sequence[VersionReport]) -> dict[str, Any]:
    """Return the observed share of defects by predicted probability; calibrated on the diagonal."""
    lines = []
    for number, reading in enumerate(reports, 1):
        bins = reading.evaluation.get("curves", {}).get("calibration", [])
        points = [(one["predicted"], one["observed"]) for one in bins if one["observed"] is not None]
        marks = "".join(f"M{_x_position(x):.1f} {_y_position(y):.1f}h0" for x, y in points)
        lines.append({**_line(number, reading, _chart_points(points, _y_position), None), "marks": marks})
    title = _("Reliability: observed share of defects")
    diagonal = (_x_position(0), _y_position(0), _x_position(1), _y_position(1))
    return {**_chart(title, _("Predicted probability of a defect"), lines, _percent_ticks()), "diagonal": diagonal}


@register.inclusion_tag("parts/type_recall.html")
def type_recall(reports: Sequence[VersionReport], estimates: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Return one defect type's recall of every version, below each other on the same axis."""
    rows = []
    for number, (reading, found) in enumerate(zip(reports, estimates, strict=True)):
        known = found if found is not None and found.get("value") is not None else None
        shares = {name: _type_axis_position(known[name]) for name in ("low", "value", "high")} if known else {}
        row = {"number": reading.version.number, "place": number + 1, "y": 24 * number + 12, "estimate": known}
        rows.append(row | {"at": shares, "low": round(100 * known["low"]) if known else None})
    return {"rows": rows, "height": 24 * len(rows)}


def _type_axis_position(share: float) -> float:
    return round(TYPE_AXIS_START + TYPE_AXIS_LENGTH * share, 2)


def _max_precision_by_recall(points: Sequence[Sequence[float]]) -> list[Point]:
    """Return the first, and so highest, precision at each recall.

    Reports list points from the highest score down.
    """
    found: dict[float, float] = {}
    for recall, precision, *_score in points:
        found.setdefault(recall, precision)
    return [(recall, precision) for recall, precision in found.items() if recall > 0]


def _chart(title: str, across: str, lines: Sequence[dict[str, Any]], ticks: Sequence[Any]) -> dict[str, Any]:
    drawn = [line for line in lines if line["path"]]
    _spread_names(drawn)
    box = {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "floor": FLOOR}
    columns = [(_x_position(part), f"{100 * part:g}") for part in QUARTERS]
    return box | {"title": title, "across": across, "lines": drawn, "ticks": ticks, "columns": columns}


def _line(number: int, report: VersionReport, points: Sequence[Point], spot: Point | None) -> dict[str, Any]:
    end = points[-1] if points else (RIGHT, FLOOR)
    return {"place": number, "number": report.version.number, "path": _path(points), "end": end, "spot": spot}


def _path(points: Sequence[Point]) -> str:
    """Return lines from point to point in relative coordinates, which take half the bytes."""
    if not points:
        return ""
    steps = ((x - a, y - b) for (a, b), (x, y) in pairwise(points))
    return f"M{points[0][0]:g} {points[0][1]:g}l" + " ".join(f"{across:g} {down:g}" for across, down in steps)


def _chart_points(points: Sequence[Point], up: Scale) -> list[Point]:
    """Return points in chart units, no more than the chart can show, in steps of half a unit."""
    placed = downsample([(_x_position(x), up(y)) for x, y in points], COLUMN_WIDTH)
    return [(round(2 * x) / 2, round(2 * y) / 2) for x, y in simplify_line(placed, LINE_TOLERANCE)]


def _spread_names(lines: Sequence[dict[str, Any]]) -> None:
    """Set the height ``name_y`` of each curve's name near its end, without overlaps."""
    ordered = sorted(lines, key=lambda line: (line["end"][1], line["place"]))
    least = float(TOP)
    for left, line in zip(range(len(ordered), 0, -1), ordered, strict=True):
        most = FLOOR - MIN_NAME_GAP * (left - 1)
        line["name_y"] = max(least, min(line["end"][1], most))
        least = line["name_y"] + MIN_NAME_GAP


def _x_position(share: float) -> float:
    return LEFT + (RIGHT - LEFT) * share


def _y_position(share: float) -> float:
    return FLOOR - (FLOOR - TOP) * share


def _percent_ticks() -> list[tuple[float, str]]:
    return [(_y_position(part), "100 %" if part == 1 else f"{100 * part:g}") for part in (0, 0.5, 1)]


def _marker(at: tuple[float | None, float | None], up: Scale) -> Point | None:
    x, y = at
    return None if x is None or y is None else (round(_x_position(x), 1), round(up(y), 1))


def _metric_value(metrics: Mapping[str, Any], name: str) -> float | None:
    found: float | None = (metrics.get(name) or {}).get("value")
    return found
