"""A plant's volume: the parts of a fortnight that nobody asks about any more, as rows that share a few dozen images."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from unittest.mock import patch

from django.utils import timezone

from inspection.models import Inspection, Product

DAYS = 11
# The line runs from six to ten; today until what was told part by part.
_FIRST, _HOURS = 6, 16
_SHARES = {"PASS": 0.885, "REVIEW": 0.075, "FAIL": 0.04}


def add_past_parts(product: Product) -> None:
    """Add parts that were decided long ago: some 1,300 a working day, fewer on Saturdays, none on Sundays."""
    kinds = _templates(product)
    arrival = Inspection._meta.get_field("received_at")
    numbers = iter(range(120_000, 200_000))
    with patch.object(arrival, "auto_now_add", False):
        for back in range(DAYS, -1, -1):
            day = timezone.localdate() - timedelta(days=back)
            rows = [_copy_part(kinds, moment, next(numbers), back) for moment in _moments(day)]
            Inspection.objects.bulk_create(rows, batch_size=1000)


def _templates(product: Product) -> dict[str, list[Inspection]]:
    decided = Inspection.objects.filter(product=product, model_version__isnull=False, source="station")
    found = {verdict: list(decided.filter(verdict=verdict).order_by("part_id")) for verdict in _SHARES}
    return {verdict: parts for verdict, parts in found.items() if parts}


def _moments(day: date) -> Iterator[datetime]:
    begin = timezone.make_aware(datetime.combine(day, datetime.min.time())) + timedelta(hours=_FIRST)
    end = min(begin + timedelta(hours=_HOURS), timezone.now() - timedelta(hours=1, minutes=10))
    number = {5: 640, 6: 0}.get(day.weekday(), random.randint(1180, 1390))
    if day == timezone.localdate():
        # However the calendar falls, people are at work on the pictures.
        number = 690
    step = (end - begin) / max(number, 1)
    return (begin + step * (one + random.random()) for one in range(number))


def _copy_part(kinds: dict[str, list[Inspection]], moment: datetime, number: int, back: int) -> Inspection:
    """One part of a day ``back``; the longer ago, the more the version had to ask."""
    asked = _SHARES["REVIEW"] * (0.8 + 0.09 * back)
    shares = {"PASS": _SHARES["PASS"] - asked, "REVIEW": asked, "FAIL": _SHARES["FAIL"]}
    verdict = random.choices(list(kinds), [shares[one] for one in kinds])[0]
    like = random.choice(kinds[verdict])
    values = {field.attname: getattr(like, field.attname) for field in Inspection._meta.concrete_fields}
    times = {"received_at": moment, "decided_at": moment + timedelta(milliseconds=like.latency_ms or 150)}
    settled = moment + timedelta(minutes=random.randint(2, 50)) if verdict == "REVIEW" else None
    own = {
        "id": uuid.uuid4(),
        "part_id": f"PC14-{number:06d}",
        "original_filename": f"PC14-{number:06d}.jpg",
        "duplicate_of_id": None,
    }
    return Inspection(**{**values, **times, **own, "resolved_at": settled, "queue_sort_key": None})
