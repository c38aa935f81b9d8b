"""Geometry of a product's versions over time: metrics, number of labels and champions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from django import template
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.reports.version_report import VersionReport
from mltasks.vision.evaluation.chart import nice_ceiling
from webapp.templatetags.ui_tags import percent

register = template.Library()
# In thousandths of the panels' width: half of the width is distributed evenly, so that no two versions overlap, and
# half by time.
AXIS_LENGTH, AXIS_MARGIN, EVEN_SPACING_WEIGHT = 1000.0, 24.0, 0.5
# In pixels: height of a metric's panel and of the labels' panel
PANEL_HEIGHT, LOW_PANEL_HEIGHT = 88, 48
# Width needed by a version's number or count on a screen and on a phone, and by a date on both.
MIN_LABEL_GAP = {"wide": 60.0, "narrow": 170.0}
MIN_DATE_GAP = 320.0
# With more versions, a finger or a mouse can't point at a single one.
MAX_HOVER_VERSIONS = 40
METRICS = (("recall", _("Recall")), ("average_precision", _("Average precision")))


class TimeAxis(NamedTuple):
    """X axis in time: versions at their positions, times between two versions interpolated."""

    timestamps: Sequence[float]
    positions: Sequence[float]

    def position(self, moment: datetime) -> float:
        """Return the position of a moment; moments outside the range get the first or last position."""
        return float(np.interp(moment.timestamp(), self.timestamps, self.positions))


@register.inclusion_tag("parts/over_time.html")
def over_time(reports: Sequence[VersionReport]) -> dict[str, Any]:
    """Return the chart of versions by creation: recall, average precision, labels, champions."""
    versions = sorted(reports, key=lambda report: (report.version.created_at, report.version.number))
    if len(versions) < 2:
        return {"versions": versions}
    axis = _time_axis([report.version.created_at for report in versions])
    return {
        "versions": versions,
        "panels": [_panel(name, str(title), versions, axis) for name, title in METRICS],
        "bars": "".join(
            f"M{x:.0f} {LOW_PANEL_HEIGHT}V{LOW_PANEL_HEIGHT - height:g}"
            for x, height in zip(axis.positions, _bar_heights(versions), strict=True)
            if height
        ),
        "named": [_version_labels(width, versions, axis) for width in MIN_LABEL_GAP],
        "reigns": _champion_periods(versions, axis),
        "days": _date_labels(versions, axis),
        "pointed_at": _hover_areas(versions, axis) if len(versions) <= MAX_HOVER_VERSIONS else [],
        "tall": PANEL_HEIGHT,
        "low": LOW_PANEL_HEIGHT,
        "heavy": "few" if len(versions) <= 20 else "some" if len(versions) <= 60 else "many",
    }


def _time_axis(created_at: Sequence[datetime]) -> TimeAxis:
    moments = [moment.timestamp() for moment in created_at]
    span, room = moments[-1] - moments[0], AXIS_LENGTH - 2 * AXIS_MARGIN
    evenly = [at * room / (len(moments) - 1) for at in range(len(moments))]
    by_time = [(moment - moments[0]) / span * room for moment in moments] if span else evenly
    shares = (EVEN_SPACING_WEIGHT, 1 - EVEN_SPACING_WEIGHT)
    positions = [AXIS_MARGIN + shares[0] * a + shares[1] * b for a, b in zip(evenly, by_time, strict=True)]
    return TimeAxis(moments, positions)


def _panel(name: str, title: str, versions: Sequence[VersionReport], axis: TimeAxis) -> dict[str, Any]:
    """Return intervals and values as paths: hundreds of versions take as few elements as two."""
    measured = [
        (x, report.promotion is not None, estimate)
        for x, report in zip(axis.positions, versions, strict=True)
        if (estimate := report.metrics.get(name)) and estimate.get("value") is not None
    ]
    # The axis starts at the tenth below the lowest interval, at most at 0.5: small differences stay small.
    floor = min(0.5, int(10 * max(0.0, min((estimate["low"] for _x, _ever, estimate in measured), default=0.0))) / 10)

    def y(share: float) -> float:
        return round(PANEL_HEIGHT * (1 - (share - floor) / (1 - floor)), 1)

    def dots(champions: bool) -> str:
        """Return zero-length lines: round caps make them dots however the panel is stretched."""
        return "".join(f"M{x:.0f} {y(estimate['value']):g}h0" for x, ever, estimate in measured if ever == champions)

    return {
        "title": title,
        "floor": f"{100 * floor:.0f}",
        "spans": "".join(f"M{x:.0f} {y(estimate['high']):g}V{y(estimate['low']):g}" for x, _ever, estimate in measured),
        "dots": dots(champions=False),
        "champions": dots(champions=True),
    }


def _bar_heights(versions: Sequence[VersionReport]) -> list[float]:
    """Return the height of each version's label bar; 0 if the number is unknown."""
    top = nice_ceiling(max(report.label_count or 0 for report in versions) or 1)
    return [round(LOW_PANEL_HEIGHT * (report.label_count or 0) / top, 1) for report in versions]


def _version_labels(width: str, versions: Sequence[VersionReport], axis: TimeAxis) -> dict[str, Any]:
    """Return the versions with room for number and label count on a window of kind ``width``."""
    heights = _bar_heights(versions)
    named = [
        {
            "x": _percent(axis.positions[at]),
            "number": versions[at].version.number,
            "labels": versions[at].label_count,
            "y": round(LOW_PANEL_HEIGHT - heights[at] + 11),
        }
        for at in _spaced_out(axis.positions, MIN_LABEL_GAP[width])
    ]
    return {"width": width, "versions": named}


def _champion_periods(versions: Sequence[VersionReport], axis: TimeAxis) -> list[dict[str, Any]]:
    """Return each champion's period as a segment of the width, named if there is room."""
    promotions = (promotion for report in versions for promotion in report.version.promotions.all())
    number_of = {report.version.pk: report.version.number for report in versions}
    promoted = sorted((promotion.created_at, number_of[promotion.version_id]) for promotion in promotions)
    starts = [axis.position(moment) for moment, _number in promoted]
    return [
        {
            "x": _percent(start),
            "width": _percent(end - start),
            "middle": _percent((start + end) / 2),
            "number": number,
            "named": end - start >= MIN_LABEL_GAP["narrow"],
        }
        for (_moment, number), start, end in zip(promoted, starts, [*starts[1:], AXIS_LENGTH], strict=True)
    ]


def _date_labels(versions: Sequence[VersionReport], axis: TimeAxis) -> list[tuple[float, str, str]]:
    """Return position, anchor and date of the first, the last and other versions with room."""
    made = [timezone.localtime(report.version.created_at) for report in versions]
    wording = "j M Y" if made[0].year != made[-1].year else "j M"
    labels = []
    for at in _spaced_out(axis.positions, MIN_DATE_GAP):
        anchor = "end" if at == len(made) - 1 else "start" if at == 0 else "middle"
        x = AXIS_LENGTH if anchor == "end" else 0.0 if anchor == "start" else axis.positions[at]
        labels.append((_percent(x), anchor, format_date(made[at], wording)))
    return labels


def _spaced_out(positions: Sequence[float], min_gap: float) -> list[int]:
    """Return indices with at least ``min_gap`` between them: last, first, then from the left."""
    last = len(positions) - 1
    kept = [0] if positions[last] - positions[0] >= min_gap else []
    for at in range(1, last):
        before = positions[at] - positions[kept[-1] if kept else last]
        if min(before, positions[last] - positions[at]) >= min_gap:
            kept.append(at)
    return [*kept, last]


def _hover_areas(versions: Sequence[VersionReport], axis: TimeAxis) -> list[dict[str, Any]]:
    """Return a segment of the width for each version, with its figures as a title."""
    middles = [(a + b) / 2 for a, b in zip(axis.positions, axis.positions[1:], strict=False)]
    edges = [0.0, *middles, AXIS_LENGTH]
    return [
        {"text": _hover_text(report), "x": _percent(begin), "width": _percent(end - begin)}
        for report, begin, end in zip(versions, edges, edges[1:], strict=False)
    ]


def _hover_text(report: VersionReport) -> str:
    text = gettext("Version {number}, {day}: recall {recall}, average precision {precision}, {labels} labels")
    shares = [percent((report.metrics.get(name) or {}).get("value")) for name, _ in METRICS]
    return text.format(
        number=report.version.number,
        day=format_date(timezone.localtime(report.version.created_at), "j M Y H:i"),
        recall=shares[0],
        precision=shares[1],
        labels="–" if report.label_count is None else report.label_count,
    )


def _percent(thousandths: float) -> float:
    return round(thousandths / 10, 2)
