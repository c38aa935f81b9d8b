"""Review throughput: verdicts and seconds per person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from django.db.models import Aggregate, Count, FloatField, Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from inspection.models import Product
from labeling.models import Recheck, Review, Skip

MAX_LIST_ROWS = 12
QuerySetT = TypeVar("QuerySetT", bound=QuerySet[Any])


class Median(Aggregate):
    """Continuous median of PostgreSQL."""

    function = "PERCENTILE_CONT"
    name = "Median"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


def throughput_by_reviewer(product: Product, since: timedelta | None) -> list[Any]:
    """Return ``reviewer__username, verdicts, today, seconds`` of each reviewer, busiest first.

    ``seconds`` is the median time on the screen if the page measured it, else the time since the claim.
    """
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    reviews = _created_since(Review.objects.filter(inspection__product=product), since).order_by()
    rows = reviews.values("reviewer__username").annotate(
        verdicts=Count("pk"),
        today=Count("pk", filter=Q(created_at__gte=midnight)),
        seconds=Median(Coalesce("shown_seconds", "seconds")),
    )
    return list(rows.order_by("-verdicts", "reviewer__username"))


def recent_skips(product: Product, since: timedelta | None) -> QuerySet[Skip]:
    """Return the newest skipped parts with their reasons."""
    skips = _created_since(Skip.objects.filter(inspection__product=product), since)
    return skips.select_related("inspection", "reviewer")[:MAX_LIST_ROWS]


def open_disputes(product: Product) -> QuerySet[Recheck]:
    """Return the open disputes, the longest wait first."""
    waiting = Recheck.objects.disputed().filter(inspection__product=product)
    related = waiting.select_related("inspection", "label__defect_type", "label__answers__label__defect_type")
    return related.order_by("due_at", "pk")


def _created_since(rows: QuerySetT, since: timedelta | None) -> QuerySetT:
    return rows if since is None else rows.filter(created_at__gte=Now() - since)
