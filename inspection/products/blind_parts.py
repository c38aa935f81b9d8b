"""Parts that a person judges blind: their model output is hidden until the verdict.

The `labeling` app knows the claims: ``LabelingConfig.ready`` registers the function that reads them with
``set_blind_parts``.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib.auth.models import User

BlindParts = Callable[[User], set[UUID]]
_blind_parts: list[BlindParts] = []


def set_blind_parts(find: BlindParts) -> None:
    """Register the function that finds the parts a person judges blind."""
    _blind_parts[:] = [find]


def blind_parts(user: object) -> set[UUID]:
    """Return the inspections whose model output is hidden from this user; none for stations."""
    if not isinstance(user, User):
        return set()
    (find,) = _blind_parts
    return find(user)
