"""Who may write to an unscored part. A lease is a token and an end on its row, both by the database's clock."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from inspection.models import Inspection, InspectionQuerySet

# Long enough for a cold start of a version on a busy machine; a crash delays a part by this much.
LEASE = timedelta(seconds=30)


def first_lease() -> dict[str, Any]:
    """Field values of an inspection that is created with its first attempt under way."""
    return {"attempt": 1, "lease_token": uuid.uuid4(), "lease_expires_at": Now() + LEASE}


def take(candidates: InspectionQuerySet) -> Inspection | None:
    """Take one abandoned part of ``candidates`` that nobody else is taking, one attempt further; None without any."""
    with transaction.atomic():
        waiting = candidates.abandoned().select_related("product__registered_model", "station")
        inspection = waiting.select_for_update(skip_locked=True, of=("self",)).order_by("lease_expires_at").first()
        if inspection is None:
            return None
        inspection.attempt += 1
        inspection.lease_token = uuid.uuid4()
        Inspection.objects.filter(pk=inspection.pk).update(
            attempt=inspection.attempt, lease_token=inspection.lease_token, lease_expires_at=Now() + LEASE
        )
    return inspection


def write(inspection: Inspection, fields: dict[str, Any], *, end: bool = False) -> bool:
    """Write fields to a leased part, on its row and on the object, and hold it for another while or ``end`` the lease.

    Returns False when the lease was lost, and changes nothing then. Raises ValueError for a part that nobody leased.
    """
    if inspection.lease_token is None:
        raise ValueError(f"Inspection {inspection.pk} is not leased: nobody may score it.")
    lease = {"lease_token": None, "lease_expires_at": None} if end else {"lease_expires_at": Now() + LEASE}
    held = Inspection.objects.held_with(inspection.lease_token).filter(pk=inspection.pk)
    if not held.update(**fields, **lease):
        return False
    for name, value in fields.items():
        setattr(inspection, name, value)
    if end:
        inspection.lease_token = inspection.lease_expires_at = None
    return True
