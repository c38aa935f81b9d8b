"""Parts that a person judges blind: what the model says of them is hidden from this person until the verdict.

The floor above knows the claims; the setting ``BLIND_PARTS`` names its function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.module_loading import import_string


def blind_parts(user: object) -> set[UUID]:
    """Return the inspections whose model output is hidden from this user; none for a station or a stranger."""
    if not isinstance(user, User):
        return set()
    return cast(Callable[[User], set[UUID]], import_string(settings.BLIND_PARTS))(user)
