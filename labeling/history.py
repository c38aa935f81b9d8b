"""The parts that were inspected, newest first, by keyset: a page costs the same however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.forms import SINCE
from labeling.models import Label, LabelQuerySet, Recheck
from mltasks.models import DatasetSnapshot

PAGE = 48
_CURRENT_NAME = Coalesce("defect_type__merged_into__name", "defect_type__name")


@dataclass(frozen=True)
class Page:
    """One page of the history; ``older`` is the address of the next one, empty at the end."""

    parts: list[Inspection]
    older: str


def page(product: Product, wanted: Mapping[str, str], before: str = "") -> Page:
    """Return the newest parts that fit, or those before a position of an earlier page. A broken one is the start."""
    parts = with_standing_label(Inspection.objects.filter(product=product))
    for name, value in wanted.items():
        parts = _FILTERS[name](parts, value)
    position = _position(before)
    if position is not None:
        moment, key = position
        parts = parts.filter(Q(received_at__lt=moment) | Q(received_at=moment, pk__lt=key))
    related = parts.select_related("station", "model_version", "product")
    found = list(related.order_by("-received_at", "-id")[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Page(found[:PAGE], f"{last.received_at.isoformat()}~{last.pk}" if last else "")


def with_standing_label(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Annotate ``person_says`` and ``person_names``: verdict and defect type of the label that counts."""
    standing = _newest_labels()
    return parts.annotate(
        person_says=Subquery(standing.values("verdict")[:1]),
        person_names=Subquery(standing.values(named=_CURRENT_NAME)[:1]),
    )


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
    """Standing labels that no snapshot holds yet: what the next version learns on top of the last one. What two people
    differ on waits until it is settled."""
    last = DatasetSnapshot.objects.filter(model=product.registered_model_id).order_by("-number").first()
    disputed = Recheck.objects.disputed().filter(inspection__product=product).values("inspection")
    labels = Label.objects.not_undone().filter(inspection__product=product).exclude(inspection__in=disputed)
    return (labels.filter(created_at__gt=last.created_at) if last else labels).values("inspection").distinct().count()


def _today(person: User, product: Product) -> LabelQuerySet:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Label.objects.not_undone().filter(reviewer=person, inspection__product=product)
    return mine.filter(created_at__gte=midnight).exclude(source=Label.Source.IMPORT)


def _newest_labels() -> LabelQuerySet:
    return Label.objects.not_undone().filter(inspection=OuterRef("pk")).order_by("-created_at", "-id")


def _position(text: str) -> tuple[datetime, UUID] | None:
    moment, _, key = text.partition("~")
    try:
        found = datetime.fromisoformat(moment)
        return (found, UUID(key)) if timezone.is_aware(found) else None
    except ValueError:
        return None


def _by_verdict(parts: InspectionQuerySet, value: str) -> InspectionQuerySet:
    return parts.filter(verdict=None) if value == "none" else parts.filter(verdict=value)


def _by_station(parts: InspectionQuerySet, value: str) -> InspectionQuerySet:
    return parts.filter(source=value[1:]) if value.startswith(":") else parts.filter(station__name=value)


def _by_since(parts: InspectionQuerySet, value: str) -> InspectionQuerySet:
    return parts.filter(received_at__gte=Now() - SINCE[value])


def _by_reason(parts: InspectionQuerySet, value: str) -> InspectionQuerySet:
    return parts.filter(reasons__contains=[value])


def _by_label(parts: InspectionQuerySet, value: str) -> InspectionQuerySet:
    if value == "none":
        return parts.filter(~Exists(_newest_labels()))
    marked = parts.annotate(said=Subquery(_newest_labels().values("verdict")[:1]))
    if value == "against":
        return marked.filter(label__isnull=False, said__isnull=False).exclude(label=F("said"))
    return marked.filter(said=value)


def _by_part(parts: InspectionQuerySet, value: str) -> InspectionQuerySet:
    try:
        return parts.filter(pk=UUID(value))
    except ValueError:
        return parts.filter(part_id__startswith=value)


_FILTERS = {
    "verdict": _by_verdict,
    "station": _by_station,
    "since": _by_since,
    "reason": _by_reason,
    "label": _by_label,
    "q": _by_part,
}
