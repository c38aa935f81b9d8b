"""History of inspections, newest first, paged by keyset: page cost does not grow with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from inspection.models import Inspection, InspectionQuerySet, Product
from labeling.history import part_search
from labeling.history.part_search import MAX_UUID, PagePosition, Search
from labeling.models import Label, LabelQuerySet, Recheck
from mltasks.models import DatasetSnapshot

TIME_WINDOWS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
PAGE_SIZE = 48


@dataclass(frozen=True)
class HistoryPage:
    """Page of the history.

    ``older_position`` is the next page's position, empty at the end. ``parts_scanned`` is the number of parts examined
    if the search scans by windows, else 0.
    """

    parts: list[Inspection]
    older_position: str
    parts_scanned: int = 0
    id_match_limit: int = part_search.MAX_ID_MATCHES


def load_page(product: Product, active_filters: Mapping[str, str], before: str = "") -> HistoryPage:
    """Return the newest matching parts, or those before a position; ignore an invalid one."""
    search = part_search.build_search(Inspection.objects.filter(product=product), active_filters.get("q", ""))
    position = _parse_position(before)
    end = search.scan_end(product, position)
    parts = _newest_parts(search.apply_to(_filter_parts(product, active_filters), end), search, position)
    if len(parts) > PAGE_SIZE:
        last = parts[PAGE_SIZE - 1]
        return HistoryPage(parts[:PAGE_SIZE], _format_position(last.received_at, last.pk), search.scan_window)
    return HistoryPage(parts, _format_position(end, MAX_UUID) if end else "", search.scan_window)


def with_standing_defect_type(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Annotate ``person_names``: the defect type of the standing label."""
    labels = Label.objects.not_undone().filter(inspection=OuterRef("pk")).order_by("-created_at", "-id")
    current_name = Coalesce("defect_type__merged_into__name", "defect_type__name")
    return parts.annotate(person_names=Subquery(labels.values(named=current_name)[:1]))


def recent_labels(reviewer: User, product: Product, limit: int = 20) -> list[Label]:
    """Return the reviewer's labels of today from the workbench, oldest first, for its undo."""
    own = _labels_of_today(reviewer, product).filter(source=Label.Source.REVIEW)
    related = own.select_related("inspection", "defect_type__merged_into")
    return list(related.order_by("-created_at", "-id")[:limit])[::-1]


def labeled_today_count(reviewer: User, product: Product) -> int:
    """Return the number of parts that the reviewer labeled since local midnight."""
    return _labels_of_today(reviewer, product).count()


def new_training_part_count(product: Product) -> int:
    """Return the number of labeled parts in no snapshot, without disputes and the holdout."""
    last = DatasetSnapshot.objects.filter(model=product.registered_model_id).order_by("-number").first()
    disputed = Recheck.objects.disputed().filter(inspection__product=product).values("inspection")
    if last is None:
        # Two counts: the first reads only an index, which does not have disputes.
        labeled = Inspection.objects.filter(product=product).trainable()
        return labeled.count() - labeled.filter(pk__in=disputed).count()
    labels = Label.objects.not_undone().filter(inspection__product=product, created_at__gt=last.created_at)
    free = labels.exclude(inspection__in=disputed).exclude(inspection__holdout=True)
    return free.values("inspection").distinct().count()


def _labels_of_today(reviewer: User, product: Product) -> LabelQuerySet:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    mine = Label.objects.not_undone().filter(reviewer=reviewer, inspection__product=product)
    return mine.filter(created_at__gte=midnight).exclude(source=Label.Source.IMPORT)


def _newest_parts(parts: InspectionQuerySet, search: Search, position: PagePosition | None) -> list[Inspection]:
    if position is not None:
        moment, key = position
        # The first condition is redundant; with it the index scan starts at the position.
        parts = parts.filter(received_at__lte=moment).filter(Q(received_at__lt=moment) | Q(pk__lt=key))
    related = with_standing_defect_type(parts).with_version().select_related("station", "product")
    return list(related.order_by(*search.newest_first)[: PAGE_SIZE + 1])


def _format_position(moment: datetime, key: UUID) -> str:
    return f"{moment.isoformat()}~{key}"


def _parse_position(text: str) -> PagePosition | None:
    moment, _, key = text.partition("~")
    try:
        received_at = datetime.fromisoformat(moment)
        return (received_at, UUID(key)) if timezone.is_aware(received_at) else None
    except ValueError:
        return None


def _filter_parts(product: Product, active_filters: Mapping[str, str]) -> InspectionQuerySet:
    parts = Inspection.objects.filter(product=product)
    lookups: dict[str, Any] = {}
    if verdict := active_filters.get("verdict"):
        lookups["verdict"] = None if verdict == "none" else verdict
    if station := active_filters.get("station"):
        if station.startswith(":"):
            lookups["source"] = station[1:]
        else:
            # Looked up first: with the station's key the planner can estimate the number of its parts.
            lookups["station"] = product.stations.get(name=station)
    if since := active_filters.get("since"):
        lookups["received_at__gte"] = Now() - TIME_WINDOWS[since]
    if reason := active_filters.get("reason"):
        lookups["reasons__contains"] = [reason]
    if (label := active_filters.get("label")) and label != "against":
        lookups["human_verdict"] = None if label == "none" else label
    return (parts.model_contradicted() if label == "against" else parts).filter(**lookups)
