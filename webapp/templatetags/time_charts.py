"""Geometry of a product's versions over time: metrics, number of labels and champions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.reports.version_report import VersionReport
from webapp.templatetags.charts import nice_ceiling
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


@dataclass(frozen=True)
class TimeAxis:
    """X axis in time: versions at their positions, times between two versions interpolated."""

    timestamps: Sequence[float]
    positions: Sequence[float]

    def position(self, moment: datetime) -> float:
        """Return the position of a moment; moments outside the range get the first or last position."""
        seconds = moment.timestamp()
        after = bisect_right(self.timestamps, seconds)
        if after == 0:
            return self.positions[0]
        if after == len(self.timestamps):
            return self.positions[-1]
        begin, end = self.timestamps[after - 1], self.timestamps[after]
        share = (seconds - begin) / (end - begin)
        return self.positions[after - 1] + share * (self.positions[after] - self.positions[after - 1])


@register.inclusion_tag("parts/over_time.html")
def over_time(reports: Sequence[VersionReport]) -> dict[str, Any]:
    """Return the chart of versions by creation: recall, average precision, labels, champions."""
    versions = sorted(reports, key=lambda reading: (reading.version.created_at, reading.version.number))
    if len(versions) < 2:
        return {"versions": versions}
    clock = _time_axis([reading.version.created_at for reading in versions])
    return {
        "versions": versions,
        "panels": [_panel(name, str(title), versions, clock) for name, title in METRICS],
        "bars": _bars(versions, clock),
        "named": [_version_labels(width, versions, clock) for width in MIN_LABEL_GAP],
        "reigns": _champion_periods(versions, clock),
        "days": _date_labels(versions, clock),
        "pointed_at": _hover_areas(versions, clock) if len(versions) <= MAX_HOVER_VERSIONS else [],
        "tall": PANEL_HEIGHT,
        "low": LOW_PANEL_HEIGHT,
        "heavy": "few" if len(versions) <= 20 else "some" if len(versions) <= 60 else "many",
    }


def _time_axis(created_at: Sequence[datetime]) -> TimeAxis:
    moments = [moment.timestamp() for moment in created_at]
    span, room = moments[-1] - moments[0], AXIS_LENGTH - 2 * AXIS_MARGIN
    step = room / (len(moments) - 1)
    by_time = [(moment - moments[0]) / span * room if span else at * step for at, moment in enumerate(moments)]
    return TimeAxis(
        moments,
        [
            AXIS_MARGIN + EVEN_SPACING_WEIGHT * at * step + (1 - EVEN_SPACING_WEIGHT) * far
            for at, far in enumerate(by_time)
        ],
    )


def _panel(name: str, title: str, versions: Sequence[VersionReport], axis: TimeAxis) -> dict[str, Any]:
    """Return intervals and values as paths: hundreds of versions take as few elements as two."""
    known = [(x, one, reading.metrics.get(name)) for x, one, reading in _positioned(versions, axis)]
    measured = [(x, one, found) for x, one, found in known if found and found.get("value") is not None]
    floor = _floor(min((found["low"] for _, _, found in measured), default=0.0))

    def y(share: float) -> float:
        return round(PANEL_HEIGHT * (1 - (share - floor) / (1 - floor)), 1)

    return {
        "title": title,
        "floor": f"{100 * floor:.0f}",
        "spans": "".join(f"M{x:.0f} {y(found['high']):g}V{y(found['low']):g}" for x, _, found in measured),
        "dots": _dots((x, y(found["value"])) for x, ever, found in measured if not ever),
        "champions": _dots((x, y(found["value"])) for x, ever, found in measured if ever),
    }


def _positioned(versions: Sequence[VersionReport], axis: TimeAxis) -> Iterable[tuple[float, bool, VersionReport]]:
    """Return position, True if it was ever champion, and report of each version."""
    return ((x, one.promotion is not None, one) for x, one in zip(axis.positions, versions, strict=True))


def _dots(places: Iterable[tuple[float, float]]) -> str:
    """Return zero-length lines: round caps make them dots however the panel is stretched."""
    return "".join(f"M{x:.0f} {y:g}h0" for x, y in places)


def _floor(least: float) -> float:
    """Return the axis start: the tenth below ``least``, at most 0.5.

    Relevant differences stay visible, and small ones stay small.
    """
    return min(0.5, int(10 * max(0.0, least)) / 10)


def _bars(versions: Sequence[VersionReport], axis: TimeAxis) -> str:
    places = zip(axis.positions, _bar_heights(versions), strict=True)
    return "".join(f"M{x:.0f} {LOW_PANEL_HEIGHT}V{LOW_PANEL_HEIGHT - height:g}" for x, height in places if height)


def _bar_heights(versions: Sequence[VersionReport]) -> list[float]:
    """Return the height of each version's label bar; 0 if the number is unknown."""
    top = nice_ceiling(max(reading.label_count or 0 for reading in versions))
    return [round(LOW_PANEL_HEIGHT * (reading.label_count or 0) / top, 1) for reading in versions]


def _version_labels(width: str, versions: Sequence[VersionReport], axis: TimeAxis) -> dict[str, Any]:
    """Return the versions with room for number and label count on a window of kind ``width``."""
    tall = _bar_heights(versions)
    named = [
        {
            "x": _percent(axis.positions[at]),
            "number": versions[at].version.number,
            "labels": versions[at].label_count,
            "y": round(LOW_PANEL_HEIGHT - tall[at] + 11),
        }
        for at in _spaced_out(axis.positions, MIN_LABEL_GAP[width])
    ]
    return {"width": width, "versions": named}


def _champion_periods(versions: Sequence[VersionReport], axis: TimeAxis) -> list[dict[str, Any]]:
    """Return each champion's period as a segment of the width, named if there is room."""
    promotions = (promotion for reading in versions for promotion in reading.version.promotions.all())
    number_of = {reading.version.pk: reading.version.number for reading in versions}
    promoted = sorted((one.created_at, number_of[one.version_id]) for one in promotions)
    ends = [axis.position(moment) for moment, _ in promoted[1:]] + [AXIS_LENGTH]
    found = []
    for (moment, number), end in zip(promoted, ends, strict=True):
        begin = axis.position(moment)
        named = end - begin >= MIN_LABEL_GAP["narrow"]
        reign = {"x": _percent(begin), "width": _percent(end - begin), "middle": _percent((begin + end) / 2)}
        found.append({**reign, "number": number, "named": named, "moment": moment})
    return found


def _date_labels(versions: Sequence[VersionReport], axis: TimeAxis) -> list[tuple[float, str, str]]:
    """Return position, anchor and date of the first, the last and other versions with room."""
    made = [timezone.localtime(reading.version.created_at) for reading in versions]
    wording = "j M Y" if made[0].year != made[-1].year else "j M"
    found = []
    for at in _spaced_out(axis.positions, MIN_DATE_GAP):
        anchor = "end" if at == len(made) - 1 else "start" if at == 0 else "middle"
        x = AXIS_LENGTH if anchor == "end" else 0.0 if anchor == "start" else axis.positions[at]
        found.append((_percent(x), anchor, format_date(made[at], wording)))
    return found


def _spaced_out(positions: Sequence[float], min_gap: float) -> list[int]:
    """Return indices with at least ``min_gap`` between them: last, first, then from the left."""
    last = len(positions) - 1
    kept = [0] if positions[last] - positions[0] >= min_gap else []
    for at in range(1, last):
        if (
            positions[at] - positions[kept[-1] if kept else last] >= min_gap
            and positions[last] - positions[at] >= min_gap
        ):
            kept.append(at)
    return [*kept, last]


def _hover_areas(versions: Sequence[VersionReport], axis: TimeAxis) -> list[dict[str, Any]]:
    """Return a segment of the width for each version, with its figures as a title."""
    middles = [(a + b) / 2 for a, b in zip(axis.positions, axis.positions[1:], strict=False)]
    edges = [0.0, *middles, AXIS_LENGTH]
    return [
        {"words": _hover_text(reading), "x": _percent(begin), "width": _percent(end - begin)}
        for reading, begin, end in zip(versions, edges, edges[1:], strict=False)
    ]


def _hover_text(report: VersionReport) -> str:
    said = gettext("Version {number}, {day}: recall {recall}, average precision {precision}, {labels} labels")
    shares = [percent((report.metrics.get(name) or {}).get("value")) for name, _ in METRICS]
    return said.format(
        number=report.version.number,
        day=format_date(timezone.localtime(report.version.created_at), "j M Y H:i"),
        recall=shares[0],
        precision=shares[1],
        labels="–" if report.label_count is None else report.label_count,
    )


def _percent(thousandths: float) -> float:
    return round(thousandths / 10, 2)
