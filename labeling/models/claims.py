"""Claims on waiting parts, and skipped parts."""

from __future__ import annotations

import uuid
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inspection.models import Inspection
from mltasks.models.model_fields import append_only


class ClaimQuerySet(models.QuerySet["Claim"]):
    """Query set of claims."""

    def open(self) -> Self:
        """Return claims that are not closed; their lease may have run out."""
        return self.filter(closed_at__isnull=True)

    def close(self) -> int:
        """Close the open claims and return how many there were."""
        return self.open().update(closed_at=Now())

    def with_part(self) -> Self:
        """Load each claim with its part, as `InspectionQuerySet.with_version` loads parts."""
        parts = self.select_related("inspection__product", "inspection__station", "inspection__model_version")
        return parts.defer("inspection__model_version__meta")


class Claim(models.Model):
    """Short lease of a reviewer on one waiting part. Times are the database's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="claims")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="claims")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # Two reviewers never hold one part.
            models.UniqueConstraint(
                fields=["inspection"], condition=Q(closed_at__isnull=True), name="one_open_claim_per_inspection"
            ),
        ]
        indexes = [
            # A reviewer's open claims, without reading their closed ones.
            models.Index(fields=["reviewer", "created_at"], name="claim_held", condition=Q(closed_at__isnull=True)),
            # The admin's list.
            models.Index(fields=["-created_at", "-id"], name="claim_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} holds {self.inspection}"


class Skip(models.Model):
    """Part that a reviewer declined and that goes back to the queue. Append-only."""

    class Reason(models.TextChoices):
        UNCLEAR_IMAGE = "unclear_image", _("The image is unclear")
        CANNOT_DECIDE = "cannot_decide", _("I cannot decide")
        NOT_A_PART = "not_a_part", _("The image shows another part or none")
        OTHER = "other", _("Another reason")

    claim = models.OneToOneField(Claim, on_delete=models.PROTECT, related_name="skip")
    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="skips")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="skips")
    reason = models.CharField(max_length=20, choices=Reason)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        # The queue does not offer parts that the reviewer skipped recently.
        indexes = [models.Index(fields=["inspection", "reviewer", "-created_at"], name="skip_of_part_by_reviewer")]
        triggers = [append_only("skip_is_append_only")]

    def __str__(self) -> str:
        return f"{self.reviewer} skipped {self.inspection}: {self.get_reason_display()}"
