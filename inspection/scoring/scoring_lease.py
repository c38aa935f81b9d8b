"""Leases on parts without scores: a token and an expiry on the row, by the database's clock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from inspection.models import Inspection, InspectionQuerySet, lease_owners
from mltasks.runs.lease import heartbeat

# Covers the cold start of a version on a busy machine. A crash delays a part this long, unless it is sent again.
LEASE_DURATION = timedelta(seconds=30)
# Interval and total time of lease renewal, in seconds; a scorer that takes longer hangs.
RENEW_SECONDS, MAX_RENEW_SECONDS = 0.5, 90
# A scorer on another machine that did not renew its lease for this long has ended.
MAX_SILENCE = timedelta(seconds=2.5)
NO_LEASE: Mapping[str, Any] = {"lease_token": None, "lease_expires_at": None, "lease_owner": ""}


def first_lease_fields() -> dict[str, Any]:
    """Return the field values of a new inspection whose first attempt is in progress; ``lease`` is its duration."""
    return {"attempt": 1, "lease": LEASE_DURATION, **_owner_fields()}


def take_lease(waiting: InspectionQuerySet, first_by: str = "lease_expires_at") -> Inspection | None:
    """Lease the first unlocked part by the field ``first_by`` for its next attempt; None if there is none."""
    with transaction.atomic():
        rows = waiting.select_related("product__registered_model", "station")
        inspection = rows.select_for_update(skip_locked=True, of=("self",)).order_by(first_by).first()
        if inspection is None:
            return None
        owner = _owner_fields()
        inspection.attempt += 1
        inspection.lease_token, inspection.lease_owner = owner["lease_token"], owner["lease_owner"]
        Inspection.objects.filter(pk=inspection.pk).update(
            attempt=inspection.attempt, lease_expires_at=Now() + LEASE_DURATION, **owner
        )
    return inspection


def take_over(part: Inspection) -> Inspection | None:
    """Lease a part that was sent again if nobody scores it any more; else None.

    The lease's process may have been killed. On this machine the process is checked; on another machine it has ended if
    the lease was not renewed for MAX_SILENCE. ``part`` is the row as loaded.
    """
    candidates = Inspection.objects.filter(pk=part.pk)
    gone = lease_owners.has_ended(part.lease_owner)
    if gone:
        return take_lease(candidates.awaiting_score().filter(lease_token=part.lease_token))
    if gone is None:
        return take_lease(
            candidates.awaiting_score().filter(lease_expires_at__lte=Now() + LEASE_DURATION - MAX_SILENCE)
        )
    return take_lease(candidates.abandoned())


def write(inspection: Inspection, fields: dict[str, Any], *, end: bool = False) -> bool:
    """Write fields to a leased part's row and object, and renew or ``end`` the lease.

    Returns False and changes nothing if the lease was lost. Raises ValueError for a part without a lease.
    """
    held = Inspection.objects.with_lease_token(require_token(inspection)).filter(pk=inspection.pk)
    lease = NO_LEASE if end else {"lease_expires_at": Now() + LEASE_DURATION}
    if not held.update(**fields, **lease):
        return False
    for name, value in ({**fields, **NO_LEASE} if end else fields).items():
        setattr(inspection, name, value)
    return True


def require_token(inspection: Inspection) -> uuid.UUID:
    """Return the token of a leased part. Raises ValueError for a part without a lease."""
    if inspection.lease_token is None:
        raise ValueError(f"Inspection {inspection.pk} has no lease and cannot be scored.")
    return inspection.lease_token


def renew_in_background(inspection: Inspection) -> AbstractContextManager[None]:
    """Renew the lease from a thread during the block, so that other machines see the scoring.

    Most parts have their verdict before the first renewal, and cost no query here.
    """
    end = time.monotonic() + MAX_RENEW_SECONDS
    return heartbeat(
        f"part {inspection.pk}",
        lambda: write(inspection, {}),
        RENEW_SECONDS,
        lambda: time.monotonic() < end,
    )


def _owner_fields() -> dict[str, Any]:
    return {"lease_token": uuid.uuid4(), "lease_owner": lease_owners.current_process()}
