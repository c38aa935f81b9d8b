"""Parts that wait for a person: in which order people see them, and whose they may be. All times are the database's."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from inspection.models import Inspection, InspectionQuerySet
from labeling.models import Claim, Skip

# What a reviewer skipped is offered to others only, for about a shift.
SKIP_HOURS = 8
QUEUE_SORT_KEY = Coalesce("queue_time", "received_at")


def in_queue_order(parts: InspectionQuerySet) -> InspectionQuerySet:
    """The order in which people see waiting parts: by place, as the index `inspection_queue_place` has it. A part whose
    place is not known yet stands where it arrived."""
    return parts.order_by(QUEUE_SORT_KEY, "id")


def unclaimed_parts() -> InspectionQuerySet:
    """Waiting parts that nobody holds."""
    return Inspection.objects.awaiting_review().filter(~Exists(open_claims_on("pk")))


def open_claims_on(part_column: str) -> QuerySet[Claim]:
    """Claims on the part whose key is in this column of the query around them."""
    return Claim.objects.open().filter(inspection=OuterRef(part_column))


def not_skipped_by(reviewer: User | Combinable, part_column: str = "pk") -> Q:
    """Parts that the reviewer did not skip lately. ``part`` is the column with their key."""
    lately = Skip.objects.filter(inspection=OuterRef(part_column), reviewer=reviewer, created_at__gt=skip_cutoff())
    return ~Q(Exists(lately))


def skip_cutoff() -> Combinable:
    """Since when a skip counts."""
    return Now() - timedelta(hours=SKIP_HOURS)
