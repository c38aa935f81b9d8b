"""What people said of a part stays hidden from whoever is judging it: their verdict must not follow another's."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef

from inspection.models import Inspection
from labeling.models import Claim, Recheck


def hidden_from(person: User) -> set[UUID]:
    """The parts that this person holds, whether they are judged for the first time or again: nobody can tell a second
    look by it. Not those where two differ: who settles that reads both verdicts. A handful at most."""
    held = Claim.objects.open().filter(reviewer=person)
    disputed = Recheck.objects.disputed().filter(inspection=OuterRef("inspection"))
    return set(held.filter(~Exists(disputed)).values_list("inspection", flat=True))


def hidden_images(person: User) -> set[str]:
    """The sha256 of the images of these parts: what a snapshot holds of them tells what people said."""
    hidden = hidden_from(person)
    if not hidden:
        return set()
    return set(Inspection.objects.filter(pk__in=hidden).values_list("image_sha256", flat=True))
