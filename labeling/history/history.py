"""The parts that were inspected, newest first, by keyset: a page costs the same however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.history import part_search
from labeling.history.part_search import LAST, Position, Search
from labeling.models import Label, LabelQuerySet, Recheck
from mltasks.models import DatasetSnapshot

SINCE = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}


PAGE = 48
_CURRENT_NAME = Coalesce("defect_type__merged_into__name", "defect_type__name")


@dataclass(frozen=True)
class Page:
    """One page of the history; ``older`` is the address of the next one, empty at the end. ``searched`` is the number
    of parts that were looked at where the search goes by stretches, else 0."""

    parts: list[Inspection]
    older: str
    searched: int = 0
    few: int = part_search.FEW


def page(product: Product, wanted: Mapping[str, str], before: str = "") -> Page:
    """Return the newest parts that fit, or those before a position of an earlier page. A broken one is the start."""
    filters = dict(wanted)
    parts = Inspection.objects.filter(product=product)
    search = part_search.search(parts, filters.pop("q", ""))
    for name, value in filters.items():
        parts = _FILTERS[name](parts, product, value)
    position = _position(before)
    end = search.end(product, position)
    found = _newest(search.narrowed(parts, end), search, position)
    if len(found) > PAGE:
        return Page(found[:PAGE], _address(found[PAGE - 1].received_at, found[PAGE - 1].pk), search.stretch)
    return Page(found, _address(end, LAST) if end else "", search.stretch)


def with_standing_label(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Annotate ``person_names``: the defect type of the label that counts."""
    return parts.annotate(person_names=Subquery(_newest_labels().values(named=_CURRENT_NAME)[:1]))


def recent_labels(person: User, product: Product, limit: int = 20) -> list[Label]:
    """The person's standing labels of today from the workbench, oldest first: what undo walks back through."""
    mine = (
        _today(person, product)
        .filter(source=Label.Source.REVIEW)
        .select_related("inspection", "defect_type__merged_into")
    )
    return list(mine.order_by("-created_at", "-id")[:limit])[::-1]


def labeled_today(person: User, product: Product) -> int:
    """How many parts the person decided since local midnight."""
    return _today(person, product).count()


def teaching(product: Product) -> int:
    """Parts with a label that no snapshot holds yet: what the next version learns on top of the last one. What two
    people differ on waits until it is settled, and what is locked never teaches."""
    last = DatasetSnapshot.objects.filter(model=product.registered_model_id).order_by("-number").first()
    disputed = Recheck.objects.disputed().filter(inspection__product=product).values("inspection")
    if last is None:
        # Two counts: what is disputed is no part of the index that the first one reads alone.
        labeled = Inspection.objects.filter(product=product).teaching()
        return labeled.count() - labeled.filter(pk__in=disputed).count()
    labels = Label.objects.not_undone().filter(inspection__product=product, created_at__gt=last.created_at)
    free = labels.exclude(inspection__in=disputed).exclude(inspection__holdout=True)
    return free.values("inspection").distinct().count()


def _today(person: User, product: Product) -> LabelQuerySet:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Label.objects.not_undone().filter(reviewer=person, inspection__product=product)
    return mine.filter(created_at__gte=midnight).exclude(source=Label.Source.IMPORT)


def _newest_labels() -> LabelQuerySet:
    return Label.objects.not_undone().filter(inspection=OuterRef("pk")).order_by("-created_at", "-id")


def _newest(parts: InspectionQuerySet, search: Search, position: Position | None) -> list[Inspection]:
    if position is not None:
        moment, key = position
        # The first condition says nothing new; it is the one by which an index begins at the position.
        parts = parts.filter(received_at__lte=moment).filter(Q(received_at__lt=moment) | Q(pk__lt=key))
    related = with_standing_label(parts).select_related("station", "model_version", "product")
    return list(related.order_by(*search.newest_first)[: PAGE + 1])


def _address(moment: datetime, key: UUID) -> str:
    return f"{moment.isoformat()}~{key}"


def _position(text: str) -> Position | None:
    moment, _, key = text.partition("~")
    try:
        found = datetime.fromisoformat(moment)
        return (found, UUID(key)) if timezone.is_aware(found) else None
    except ValueError:
        return None


def _by_verdict(parts: InspectionQuerySet, product: Product, value: str) -> InspectionQuerySet:
    return parts.filter(verdict=None) if value == "none" else parts.filter(verdict=value)


def _by_station(parts: InspectionQuerySet, product: Product, value: str) -> InspectionQuerySet:
    if value.startswith(":"):
        return parts.filter(source=value[1:])
    # Looked up first: by its key the planner knows how many parts it sent.
    return parts.filter(station=product.stations.get(name=value))


def _by_since(parts: InspectionQuerySet, product: Product, value: str) -> InspectionQuerySet:
    return parts.filter(received_at__gte=Now() - SINCE[value])


def _by_reason(parts: InspectionQuerySet, product: Product, value: str) -> InspectionQuerySet:
    return parts.filter(reasons__contains=[value])


def _by_label(parts: InspectionQuerySet, product: Product, value: str) -> InspectionQuerySet:
    if value == "against":
        return parts.against_people()
    return parts.filter(person_says=None if value == "none" else value)


_FILTERS = {
    "verdict": _by_verdict,
    "station": _by_station,
    "since": _by_since,
    "reason": _by_reason,
    "label": _by_label,
}
