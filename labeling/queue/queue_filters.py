"""Filters and order of waiting parts. All times are the database's."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from inspection.models import Inspection, InspectionQuerySet
from labeling.models import Claim, Skip

# For about a shift, a skipped part is offered to other reviewers only.
SKIP_HOURS = 8
QUEUE_SORT_KEY = Coalesce("queue_sort_key", "received_at")


def in_queue_order(parts: InspectionQuerySet) -> InspectionQuerySet:
    """Sort by queue rank or else arrival, as the index `inspection_queue_place` does."""
    return parts.order_by(QUEUE_SORT_KEY, "id")


def unclaimed_parts() -> InspectionQuerySet:
    """Return waiting parts that nobody holds."""
    return Inspection.objects.awaiting_review().filter(~Exists(open_claims_on("pk")))


def open_claims_on(part_column: str) -> QuerySet[Claim]:
    """Return open claims on the part whose key is in this column of the outer query."""
    return Claim.objects.open().filter(inspection=OuterRef(part_column))


def not_skipped_by(reviewer: User | Combinable, part_column: str = "pk") -> Q:
    """Return the condition that the reviewer did not skip the part recently."""
    lately = Skip.objects.filter(inspection=OuterRef(part_column), reviewer=reviewer, created_at__gt=skip_cutoff())
    return ~Q(Exists(lately))


def skip_cutoff() -> Combinable:
    """Return the time since when skips count."""
    return Now() - timedelta(hours=SKIP_HOURS)
