"""Append-only models of promotions, approvals and verifications."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from mltasks.models.model_fields import append_only, optional_user_field


class Promotion(models.Model):
    """Promotion of a version to champion: user, time, reason and gate. Append-only."""

    class Kind(models.TextChoices):
        PROMOTION = "promotion", _("Promotion")
        ROLLBACK = "rollback", _("Rollback")
        NIGHTLY = "nightly", _("Nightly, automatic")

    model = models.ForeignKey("mltasks.RegisteredModel", on_delete=models.PROTECT, related_name="promotions")
    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="promotions")
    previous = models.ForeignKey(
        "mltasks.ModelVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PROMOTION, db_default=Kind.PROMOTION)
    by = optional_user_field()
    reason = models.TextField()
    gate = models.JSONField(
        default=list,
        db_default=[],
        help_text=_("The checks of the product's promotion gate at that moment, and which of them passed."),
    )
    override = models.TextField(
        blank=True, default="", db_default="", help_text=_("Why the version was promoted although a check failed.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="promotion_has_a_reason"),
            models.CheckConstraint(
                condition=Q(previous__isnull=True) | ~Q(version=F("previous")), name="promotion_changes_the_champion"
            ),
        ]
        triggers = [append_only("promotion_is_append_only")]

    def __str__(self) -> str:
        return f"{self.version} promoted"


class Approval(models.Model):
    """Approval by a person that a version may replace one champion. Append-only.

    ``champion`` None means that the version may become the first champion. The approval holds for that champion only.
    """

    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="approvals")
    champion = models.ForeignKey(
        "mltasks.ModelVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="approval_has_a_reason")]
        triggers = [append_only("approval_is_append_only")]

    def __str__(self) -> str:
        return f"{self.version} approved by {self.by}"


class Verification(models.Model):
    """Result of verifying a version: its files, snapshot, images and retraining. Append-only."""

    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="verifications")
    holds = models.BooleanField()
    learned_again = models.BooleanField(help_text=_("True if the version was retrained from its snapshot."))
    findings = models.JSONField(help_text=_("Each check, whether it passed, and its details."))
    by = optional_user_field()
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        triggers = [append_only("verification_is_append_only")]

    def __str__(self) -> str:
        return f"{self.version} verified"
