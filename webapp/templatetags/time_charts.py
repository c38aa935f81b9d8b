"""Geometry of a product's versions over time: how good each was measured, on how many labels, who was champion when."""

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

from mltasks.reports.version_report import Reading
from webapp.templatetags.charts import nice_ceiling
from webapp.templatetags.ui_tags import percent

register = template.Library()
# Across, in thousandths of the panels' width: half of it is shared out evenly, so that no two versions lie on one
# another, and half by the time between them.
LONG, EDGE, EVEN = 1000.0, 24.0, 0.5
# Down, in pixels: a panel of a figure, the panel of labels
TALL, LOW = 88, 48
# A version's number or count needs so much of the width on a screen and on a phone, a day so much on both.
APART = {"wide": 60.0, "narrow": 170.0}
DAYS_APART = 320.0
# With more versions than this a finger or a mouse can't point at one.
POINTED_AT = 40
FIGURES = (("recall", _("Recall")), ("average_precision", _("Average precision")))


@dataclass(frozen=True)
class Clock:
    """Where a moment lies across: at the versions' places, and evenly by time between two."""

    moments: Sequence[float]
    places: Sequence[float]

    def place(self, moment: datetime) -> float:
        """Before the first version its place, after the last one the right edge."""
        seconds = moment.timestamp()
        after = bisect_right(self.moments, seconds)
        if after == 0:
            return self.places[0]
        if after == len(self.moments):
            return self.places[-1]
        begin, end = self.moments[after - 1], self.moments[after]
        share = (seconds - begin) / (end - begin)
        return self.places[after - 1] + share * (self.places[after] - self.places[after - 1])


@register.inclusion_tag("parts/over_time.html")
def over_time(readings: Sequence[Reading]) -> dict[str, Any]:
    """The versions by when they were made, each with recall and average precision on their intervals and its labels."""
    versions = sorted(readings, key=lambda reading: (reading.version.created_at, reading.version.number))
    if len(versions) < 2:
        return {"versions": versions}
    clock = _clock([reading.version.created_at for reading in versions])
    return {
        "versions": versions,
        "panels": [_panel(name, str(title), versions, clock) for name, title in FIGURES],
        "bars": _bars(versions, clock),
        "named": [_named(width, versions, clock) for width in APART],
        "reigns": _reigns(versions, clock),
        "days": _days(versions, clock),
        "pointed_at": _pointed_at(versions, clock) if len(versions) <= POINTED_AT else [],
        "tall": TALL,
        "low": LOW,
        "heavy": "few" if len(versions) <= 20 else "some" if len(versions) <= 60 else "many",
    }


def _clock(made: Sequence[datetime]) -> Clock:
    moments = [moment.timestamp() for moment in made]
    span, room = moments[-1] - moments[0], LONG - 2 * EDGE
    step = room / (len(moments) - 1)
    by_time = [(moment - moments[0]) / span * room if span else at * step for at, moment in enumerate(moments)]
    return Clock(moments, [EDGE + EVEN * at * step + (1 - EVEN) * far for at, far in enumerate(by_time)])


def _panel(name: str, title: str, versions: Sequence[Reading], clock: Clock) -> dict[str, Any]:
    """Intervals and values as paths: hundreds of versions are as few elements as two."""
    known = [(x, one, reading.metrics.get(name)) for x, one, reading in _placed(versions, clock)]
    measured = [(x, one, found) for x, one, found in known if found and found.get("value") is not None]
    floor = _floor(min((found["low"] for _, _, found in measured), default=0.0))

    def y(share: float) -> float:
        return round(TALL * (1 - (share - floor) / (1 - floor)), 1)

    return {
        "title": title,
        "floor": f"{100 * floor:.0f}",
        "spans": "".join(f"M{x:.0f} {y(found['high']):g}V{y(found['low']):g}" for x, _, found in measured),
        "dots": _dots((x, y(found["value"])) for x, ever, found in measured if not ever),
        "champions": _dots((x, y(found["value"])) for x, ever, found in measured if ever),
    }


def _placed(versions: Sequence[Reading], clock: Clock) -> Iterable[tuple[float, bool, Reading]]:
    """Place, whether it ever was champion, and the version."""
    return ((x, one.promotion is not None, one) for x, one in zip(clock.places, versions, strict=True))


def _dots(places: Iterable[tuple[float, float]]) -> str:
    """Lines without length, which round ends make dots however the panel is stretched."""
    return "".join(f"M{x:.0f} {y:g}h0" for x, y in places)


def _floor(least: float) -> float:
    """The tenth below, so that the differences that matter are seen; at most a half, so that small ones stay small."""
    return min(0.5, int(10 * max(0.0, least)) / 10)


def _bars(versions: Sequence[Reading], clock: Clock) -> str:
    places = zip(clock.places, _tall(versions), strict=True)
    return "".join(f"M{x:.0f} {LOW}V{LOW - height:g}" for x, height in places if height)


def _tall(versions: Sequence[Reading]) -> list[float]:
    """The height of each version's bar of labels; 0 where nobody knows how many."""
    top = nice_ceiling(max(reading.labels or 0 for reading in versions))
    return [round(LOW * (reading.labels or 0) / top, 1) for reading in versions]


def _named(width: str, versions: Sequence[Reading], clock: Clock) -> dict[str, Any]:
    """The versions that have room for their number and their count of labels on a window that is ``width``."""
    tall = _tall(versions)
    named = [
        {
            "x": _percent(clock.places[at]),
            "number": versions[at].version.number,
            "labels": versions[at].labels,
            "y": round(LOW - tall[at] + 11),
        }
        for at in _apart(clock.places, APART[width])
    ]
    return {"width": width, "versions": named}


def _reigns(versions: Sequence[Reading], clock: Clock) -> list[dict[str, Any]]:
    """Who was champion from when to when, as stretches of the width; named where there is room."""
    promotions = (promotion for reading in versions for promotion in reading.version.promotions.all())
    number_of = {reading.version.pk: reading.version.number for reading in versions}
    promoted = sorted((one.created_at, number_of[one.version_id]) for one in promotions)
    ends = [clock.place(moment) for moment, _ in promoted[1:]] + [LONG]
    found = []
    for (moment, number), end in zip(promoted, ends, strict=True):
        begin = clock.place(moment)
        named = end - begin >= APART["narrow"]
        reign = {"x": _percent(begin), "width": _percent(end - begin), "middle": _percent((begin + end) / 2)}
        found.append({**reign, "number": number, "named": named, "moment": moment})
    return found


def _days(versions: Sequence[Reading], clock: Clock) -> list[tuple[float, str, str]]:
    """Place, anchor and date of some versions: the first and the last, and those between that have room."""
    made = [timezone.localtime(reading.version.created_at) for reading in versions]
    wording = "j M Y" if made[0].year != made[-1].year else "j M"
    found = []
    for at in _apart(clock.places, DAYS_APART):
        anchor = "end" if at == len(made) - 1 else "start" if at == 0 else "middle"
        x = LONG if anchor == "end" else 0.0 if anchor == "start" else clock.places[at]
        found.append((_percent(x), anchor, format_date(made[at], wording)))
    return found


def _apart(places: Sequence[float], least: float) -> list[int]:
    """Positions of as many as have room, the last always among them, then the first, then from the left on."""
    last = len(places) - 1
    kept = [0] if places[last] - places[0] >= least else []
    for at in range(1, last):
        if places[at] - places[kept[-1] if kept else last] >= least and places[last] - places[at] >= least:
            kept.append(at)
    return [*kept, last]


def _pointed_at(versions: Sequence[Reading], clock: Clock) -> list[dict[str, Any]]:
    """A stretch of the width for each version, with its figures as a title."""
    middles = [(a + b) / 2 for a, b in zip(clock.places, clock.places[1:], strict=False)]
    edges = [0.0, *middles, LONG]
    return [
        {"words": _words(reading), "x": _percent(begin), "width": _percent(end - begin)}
        for reading, begin, end in zip(versions, edges, edges[1:], strict=False)
    ]


def _words(reading: Reading) -> str:
    said = gettext("Version {number}, {day}: recall {recall}, average precision {precision}, {labels} labels")
    shares = [percent((reading.metrics.get(name) or {}).get("value")) for name, _ in FIGURES]
    return said.format(
        number=reading.version.number,
        day=format_date(timezone.localtime(reading.version.created_at), "j M Y H:i"),
        recall=shares[0],
        precision=shares[1],
        labels="–" if reading.labels is None else reading.labels,
    )


def _percent(thousandths: float) -> float:
    return round(thousandths / 10, 2)
