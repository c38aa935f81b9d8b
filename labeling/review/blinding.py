"""Blinding: hide earlier verdicts from the reviewer, in audits and rechecks the model's too."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q

from inspection.models import Inspection, Reason
from labeling.models import Claim, Recheck


def parts_hidden_from(reviewer: User) -> set[UUID]:
    """Return the parts that this reviewer holds, whose labels must stay hidden from them.

    First verdicts and rechecks are treated the same, so that second reviews can't be recognized. Disputed parts are
    left out: the adjudicator reads both verdicts. A handful at most.
    """
    held = Claim.objects.open().filter(reviewer=reviewer)
    disputed = Recheck.objects.disputed().filter(inspection=OuterRef("inspection"))
    return set(held.filter(~Exists(disputed)).values_list("inspection", flat=True))


def images_hidden_from(reviewer: User) -> set[str]:
    """Return the sha256 of the hidden parts' images: a snapshot's items show their labels."""
    hidden = parts_hidden_from(reviewer)
    if not hidden:
        return set()
    return set(Inspection.objects.filter(pk__in=hidden).values_list("image_sha256", flat=True))


def parts_judged_blind(reviewer: User) -> set[UUID]:
    """Return the audits and rechecks that this reviewer holds and judges without the model.

    Both are treated the same: an audit alone would show that the model was sure of the part.
    """
    held = Claim.objects.open().filter(reviewer=reviewer)
    recheck = Recheck.objects.open().filter(inspection=OuterRef("inspection"))
    audit = Q(inspection__reasons__contains=[Reason.AUDIT_SAMPLE])
    return set(held.filter(audit | Exists(recheck)).values_list("inspection", flat=True))


def is_judged_blind(part: Inspection, recheck: Recheck | None) -> bool:
    """Return True if this part, with this open recheck, is judged without the model."""
    return recheck is not None or Reason.AUDIT_SAMPLE in part.reasons
