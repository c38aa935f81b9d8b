"""Skips: declined parts go back to the queue, for others, and the reason is kept."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from labeling.models import Claim, Review, Skip
from labeling.refusals import ClaimLost, InvalidReason
from labeling.review.review import check_claim_valid, lock_part


def skip(claim: Claim, *, reason: str, comment: str = "") -> Skip:
    """Save why the claim's owner declined the part and close the claim, all or nothing.

    For ``queue_filters.SKIP_HOURS`` the queue offers the part to others only; ``queue.claim_part`` takes it back at
    once. The same reason on the same claim returns the first row. Raises InvalidReason, PartRemoved, and ClaimLost
    if the claim was resolved or another reviewer has the part.
    """
    if reason not in Skip.Reason.values:
        text = _("The reason must be one of {reasons}, not {reason!r}.")
        raise InvalidReason(text.format(reasons=", ".join(Skip.Reason.values), reason=reason))
    with transaction.atomic():
        part = lock_part(claim.inspection_id)
        held = Claim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
        earlier = Skip.objects.filter(claim=held).first()
        if earlier is not None and earlier.reason == reason:
            return earlier
        if earlier is not None:
            raise ClaimLost(_("This part was already skipped with the reason {reason}.").format(reason=earlier.reason))
        if Review.objects.filter(claim=held).exists():
            raise ClaimLost(_("This claim is already resolved. Undo its label first."))
        check_claim_valid(part, held)
        row = Skip.objects.create(claim=held, inspection=part, reviewer=held.reviewer, reason=reason, comment=comment)
        Claim.objects.filter(pk=held.pk).close()
        return row
