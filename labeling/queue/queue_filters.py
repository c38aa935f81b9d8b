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
SKIPPED_HOURS = 8
PLACE = Coalesce("queue_time", "received_at")


def in_order(parts: InspectionQuerySet) -> InspectionQuerySet:
    """The order in which people see waiting parts: by place, as the index `inspection_queue_place` has it. A part whose
    place is not known yet stands where it arrived."""
    return parts.order_by(PLACE, "id")


def unclaimed() -> InspectionQuerySet:
    """Waiting parts that nobody holds."""
    return Inspection.objects.awaiting_review().filter(~Exists(open_claims("pk")))


def open_claims(part: str) -> QuerySet[Claim]:
    """Claims on the part whose key is in this column of the query around them."""
    return Claim.objects.open().filter(inspection=OuterRef(part))


def not_skipped(reviewer: User | Combinable, part: str = "pk") -> Q:
    """Parts that the reviewer did not skip lately. ``part`` is the column with their key."""
    lately = Skip.objects.filter(inspection=OuterRef(part), reviewer=reviewer, created_at__gt=skipped_since())
    return ~Q(Exists(lately))


def skipped_since() -> Combinable:
    """Since when a skip counts."""
    return Now() - timedelta(hours=SKIPPED_HOURS)
