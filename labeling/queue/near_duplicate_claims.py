"""Claims on groups of waiting near-duplicates, which one reviewer judges together."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from inspection.models import Inspection, InspectionQuerySet, Reason
from labeling.models import Claim
from labeling.queue import queue
from labeling.queue.queue_filters import not_skipped_by

# With the claimed part, a sheet of four rows of six.
MAX_NEAR_DUPLICATES = 23


def near_duplicate_count(part: Inspection) -> int:
    """Return how many parts, up to ``MAX_NEAR_DUPLICATES``, can be judged with this one.

    Usually 0, at the cost of one index lookup.
    """
    if not _waiting_group(part).exists():
        return 0
    claim = Claim.objects.open().filter(inspection=part).select_related("reviewer").first()
    return _near_duplicates(part, claim.reviewer)[:MAX_NEAR_DUPLICATES].count() if claim else 0


def claim_near_duplicates(claim: Claim) -> list[Claim]:
    """Claim the waiting near-duplicates of the claimed part; return claims, oldest part first.

    At most ``MAX_NEAR_DUPLICATES``. Parts that the reviewer holds already come first. Left out are other reviewers'
    parts, parts skipped recently, audits and rechecks.

    The limit of held claims does not apply. A repeated call renews the same claims; until they are closed, the reviewer
    gets no further part. Raises ClaimLost if the claim is closed.
    """
    with transaction.atomic():
        # As in `queue.claim`: this serializes the reviewer's claims.
        User.objects.select_for_update(no_key=True).get(pk=claim.reviewer_id)
        queue.renew(claim)
        queue.close_expired_claims()
        # Reloaded: a worker may have found the group after the claim.
        part = Inspection.objects.get(pk=claim.inspection_id)
        near = _near_duplicates(part, claim.reviewer)[:MAX_NEAR_DUPLICATES]
        locked = list(near.select_for_update(skip_locked=True, of=("self",), no_key=True))
        held = queue.claim_parts(locked, reviewer=claim.reviewer)
        return sorted(held, key=lambda claim: (claim.inspection.received_at, claim.inspection_id))


def _waiting_group(part: Inspection) -> InspectionQuerySet:
    """Return the other waiting parts of the part's group."""
    waiting = Inspection.objects.awaiting_review().exclude(pk=part.pk)
    if part.resolved_at is not None:
        return waiting.none()
    first = part.duplicate_of_id or part.pk
    group = waiting.filter(Q(duplicate_of=first) | Q(pk=first), product=part.product_id)
    # An audit is judged alone: its verdict must not follow from a group's.
    if Reason.AUDIT_SAMPLE in part.reasons:
        return group.none()
    return group.exclude(reasons__contains=[Reason.AUDIT_SAMPLE])


def _near_duplicates(part: Inspection, reviewer: User) -> InspectionQuerySet:
    held = Claim.objects.open().filter(inspection=OuterRef("pk"))
    free = _waiting_group(part).filter(~Exists(held.exclude(reviewer=reviewer))).filter(not_skipped_by(reviewer))
    return free.order_by(Exists(held).desc(), "received_at", "pk")
