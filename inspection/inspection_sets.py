"""Sets of inspections in domain words."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inspection.inspection_indexes import AGAINST, TEACHES
from inspection.words import Verdict

if TYPE_CHECKING:  # the models are built on this
    from inspection.models import Inspection  # noqa: F401


class InspectionQuerySet(models.QuerySet["Inspection"]):
    """Sets of inspections in domain words."""

    def awaiting_review(self) -> Self:
        """The review queue: routed to a person and not settled yet."""
        return self.filter(verdict=Verdict.REVIEW, settled_at__isnull=True)

    def unjudged(self) -> Self:
        """In the review queue, and not compared yet with what people see already."""
        return self.awaiting_review().filter(likeness__isnull=True)

    def against_people(self) -> Self:
        """A person said the opposite of the model's own label."""
        return self.filter(AGAINST)

    def teaching(self) -> Self:
        """Labeled and not locked: what a version may learn from."""
        return self.filter(TEACHES)

    def awaiting_score(self) -> Self:
        """Stored, and still without a verdict."""
        return self.filter(state="pending")

    def abandoned(self) -> Self:
        """Still without a verdict, and the lease of whoever scored them ran out by the database's clock."""
        return self.awaiting_score().filter(Q(lease_expires_at__isnull=True) | Q(lease_expires_at__lte=Now()))

    def held_with(self, token: uuid.UUID) -> Self:
        """The unscored inspection whose lease has this token: what a scorer may write to."""
        return self.awaiting_score().filter(lease_token=token)
