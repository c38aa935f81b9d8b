"""Blinding: what people said of a part, and of audits and rechecks what the model says, is hidden from the person who
judges the part. A verdict must not follow another verdict."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q

from inspection.models import Inspection, Reason
from labeling.models import Claim, Recheck


def parts_hidden_from(reviewer: User) -> set[UUID]:
    """The parts that this person holds, whether they are judged for the first time or again: nobody can tell a second
    look by it. Not those where two differ: who settles that reads both verdicts. A handful at most."""
    held = Claim.objects.open().filter(reviewer=reviewer)
    disputed = Recheck.objects.disputed().filter(inspection=OuterRef("inspection"))
    return set(held.filter(~Exists(disputed)).values_list("inspection", flat=True))


def images_hidden_from(reviewer: User) -> set[str]:
    """The sha256 of the images of these parts: what a snapshot holds of them tells what people said."""
    hidden = parts_hidden_from(reviewer)
    if not hidden:
        return set()
    return set(Inspection.objects.filter(pk__in=hidden).values_list("image_sha256", flat=True))


def parts_judged_blind(reviewer: User) -> set[UUID]:
    """Return the parts that this person holds and judges without the model: audits and rechecks.

    All of them look alike: an audit alone would tell that the model was sure of the part.
    """
    held = Claim.objects.open().filter(reviewer=reviewer)
    recheck = Recheck.objects.open().filter(inspection=OuterRef("inspection"))
    audit = Q(inspection__reasons__contains=[Reason.AUDIT_SAMPLE])
    return set(held.filter(audit | Exists(recheck)).values_list("inspection", flat=True))


def is_judged_blind(part: Inspection, recheck: Recheck | None) -> bool:
    """Return True if a person judges this part, with this open recheck, without the model."""
    return recheck is not None or Reason.AUDIT_SAMPLE in part.reasons
