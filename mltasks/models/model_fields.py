"""Fields, constraints and triggers that several models share.

Each deconstructs to what Django itself would write into a migration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models.expressions import Combinable
    from django.utils.functional import _StrPromise


def optional_user_field(help_text: _StrPromise | str = "") -> models.ForeignKey[User | Combinable | None, User | None]:
    """Return a foreign key to the acting user, empty for a program.

    A user that a row names can't be deleted.
    """
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=help_text,
    )


def share_field(
    verbose_name: _StrPromise, *, default: float, help_text: _StrPromise, limit: float = 1.0
) -> models.FloatField[float | Combinable, float]:
    """Return a float field from 0 to ``limit``, with its default in the database too."""
    return models.FloatField(
        verbose_name,
        default=default,
        db_default=default,
        validators=[MinValueValidator(0.0), MaxValueValidator(limit)],
        help_text=help_text,
    )


def share_constraint(field: str, name: str, *, limit: float = 1) -> models.CheckConstraint:
    """Return a constraint that keeps the field between 0 and ``limit``."""
    return models.CheckConstraint(condition=Q(**{f"{field}__gte": 0, f"{field}__lte": limit}), name=name)


def append_only(name: str) -> pgtrigger.Protect:
    """Return a PostgreSQL trigger that refuses to change or delete rows."""
    return pgtrigger.Protect(name=name, operation=pgtrigger.Update | pgtrigger.Delete)
