"""Near-identical parts that wait, to be judged together: claimed for one person at once, and judged claim by claim.

Which parts are near-identical says `inspection.scoring.near_duplicates`; all of a group refer to its first.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from inspection.models import Inspection, InspectionQuerySet, Reason
from labeling.models import Claim
from labeling.queue import queue
from labeling.queue.queue_filters import not_skipped_by

# Beside the claimed part: with it as many as a person sees at one glance, four rows of six.
MAX_NEAR_DUPLICATES = 23


def near_duplicate_count(part: Inspection) -> int:
    """How many parts could be judged together with this claimed one, at most ``MAX_NEAR_DUPLICATES``. Most of the
    time 0, at the cost
    of one look into an index."""
    if not _waiting_group(part).exists():
        return 0
    claim = Claim.objects.open().filter(inspection=part).select_related("reviewer").first()
    return _near_duplicates(part, claim.reviewer)[:MAX_NEAR_DUPLICATES].count() if claim else 0


def claim_near_duplicates(claim: Claim) -> list[Claim]:
    """Claim the waiting parts of the claimed part's group that are nobody else's for the claim's reviewer, at most
    ``MAX_NEAR_DUPLICATES``, and return the claims, oldest part first.

    Those that the reviewer holds already, as what their page loaded ahead, are among them, and go before others where
    there are more. What they skipped lately is not; audits and parts that are judged again stand alone.

    The limit of what a person holds is not asked, but a group is claimed once: called again it renews the same claims.
    They are held until they are judged, released or run out, and while they are no further part is claimed. Raises
    ClaimLost when the claim is closed.
    """
    with transaction.atomic():
        # As in `queue.claim`: one reviewer's claims are made one after another.
        User.objects.select_for_update(no_key=True).get(pk=claim.reviewer_id)
        queue.renew(claim)
        queue.close_expired_claims()
        parts = list(_claimable_parts(claim).select_for_update(skip_locked=True, of=("self",), no_key=True))
        held = {one.inspection_id: one for one in queue.claim_parts(parts, reviewer=claim.reviewer)}
        return [held[part.pk] for part in _oldest_first(parts) if part.pk in held]


def _claimable_parts(claim: Claim) -> InspectionQuerySet:
    # Read anew: a worker may have compared it since it was claimed.
    return _near_duplicates(Inspection.objects.get(pk=claim.inspection_id), claim.reviewer)[:MAX_NEAR_DUPLICATES]


def _waiting_group(part: Inspection) -> InspectionQuerySet:
    """The other waiting parts of the part's group."""
    waiting = Inspection.objects.awaiting_review().exclude(pk=part.pk)
    if part.settled_at is not None:
        return waiting.none()
    first = part.repeat_of_id or part.pk
    group = waiting.filter(Q(repeat_of=first) | Q(pk=first), product=part.product_id)
    # An audit is judged alone: its verdict must not be that of a group.
    if Reason.AUDIT_SAMPLE in part.reasons:
        return group.none()
    return group.exclude(reasons__contains=[Reason.AUDIT_SAMPLE])


def _near_duplicates(part: Inspection, reviewer: User) -> InspectionQuerySet:
    held = Claim.objects.open().filter(inspection=OuterRef("pk"))
    free = _waiting_group(part).filter(~Exists(held.exclude(reviewer=reviewer))).filter(not_skipped_by(reviewer))
    return free.order_by(Exists(held).desc(), "received_at", "pk")


def _oldest_first(parts: list[Inspection]) -> list[Inspection]:
    return sorted(parts, key=lambda part: (part.received_at, part.pk))
