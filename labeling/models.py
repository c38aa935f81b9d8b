"""People look again: defect types, claims, reviews, labels, and labels in doubt."""

from __future__ import annotations

import uuid
from typing import Self

import pgtrigger
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inspection.models import Inspection, Product, Verdict
from mltasks.models import ModelVersion


class DefectType(models.Model):
    """A kind of defect of a product, as people name it."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="defect_types")
    name = models.SlugField(max_length=80)
    key = models.CharField(
        max_length=1,
        blank=True,
        validators=[RegexValidator(r"^[1-9]$", "A key is one digit from 1 to 9.")],
        help_text="The digit that fails a part with this type in one keystroke.",
    )

    class Meta:
        ordering = ["product", "key", "name"]
        constraints = [
            models.UniqueConstraint(fields=["product", "name"], name="defect_type_once_per_product"),
            models.UniqueConstraint(
                fields=["product", "key"], condition=~Q(key=""), name="defect_type_key_once_per_product"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Claim(models.Model):
    """A reviewer's short lease on one waiting part. Times are the database's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="claims")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="claims")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # Two reviewers never hold one part.
            models.UniqueConstraint(
                fields=["inspection"], condition=Q(closed_at__isnull=True), name="one_open_claim_per_inspection"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} holds {self.inspection}"


class Review(models.Model):
    """What a person said of one part on one claim. Append-only."""

    claim = models.OneToOneField(Claim, on_delete=models.PROTECT, related_name="review")
    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=6, choices=Verdict)
    defect_type = models.ForeignKey(DefectType, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    comment = models.TextField(blank=True)
    seconds = models.FloatField(help_text="From the claim to the verdict.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=["PASS", "FAIL"]), name="review_is_pass_or_fail"),
        ]
        triggers = [pgtrigger.Protect(name="review_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.verdict}"


class LabelQuerySet(models.QuerySet["Label"]):
    """Sets of labels in domain words."""

    def not_undone(self) -> Self:
        """Labels that nobody took back."""
        return self.filter(undo__isnull=True)

    def standing(self) -> Self:
        """The one label that counts for each inspection: the newest that was not undone."""
        return self.not_undone().order_by("inspection_id", "-created_at", "-id").distinct("inspection_id")


class Label(models.Model):
    """A person's word on a part. Append-only: an undo is a row of its own, not a delete."""

    class Source(models.TextChoices):
        REVIEW = "review", "Review"
        CORRECTION = "correction", "Correction"
        IMPORT = "import", "Imported folder"

    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="labels")
    verdict = models.CharField(max_length=6, choices=Verdict)
    defect_type = models.ForeignKey(DefectType, on_delete=models.PROTECT, null=True, blank=True, related_name="labels")
    source = models.CharField(max_length=10, choices=Source)
    review = models.OneToOneField(Review, on_delete=models.PROTECT, null=True, blank=True, related_name="label")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="labels"
    )
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = LabelQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [("undo_any_label", "Can take back another person's label")]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=["PASS", "FAIL"]), name="label_is_pass_or_fail"),
            models.CheckConstraint(
                condition=Q(verdict="FAIL") | Q(defect_type__isnull=True), name="good_part_has_no_defect_type"
            ),
        ]
        # The standing label of an inspection is its newest row.
        indexes = [models.Index(fields=["inspection", "-created_at", "-id"], name="label_newest_of_inspection")]
        triggers = [pgtrigger.Protect(name="label_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.verdict} {self.defect_type or ''}".strip()

    @property
    def target(self) -> int:
        """0 for a good part, 1 for a defective one."""
        return int(self.verdict == Verdict.FAIL)


class LabelUndo(models.Model):
    """The row that takes a label back. Append-only."""

    label = models.OneToOneField(Label, on_delete=models.PROTECT, related_name="undo")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [pgtrigger.Protect(name="undo_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.by} took back {self.label}"


class RecheckQuerySet(models.QuerySet["Recheck"]):
    """Sets of rechecks in domain words."""

    def open(self) -> Self:
        """Those that wait for a person."""
        return self.filter(closed_at__isnull=True)


class Recheck(models.Model):
    """A label that a version disagrees with: its part waits for a person again, who is not told which way.

    The ``answer`` is the label that closed it; taking that one back opens it again.
    """

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", "Confirmed"
        CHANGED = "changed", "Changed"
        WITHDRAWN = "withdrawn", "The label was taken back"

    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="rechecks")
    label = models.ForeignKey(Label, on_delete=models.PROTECT, related_name="rechecks", help_text="The label in doubt.")
    given = models.CharField(max_length=6, choices=Verdict, help_text="What that label says.")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="rechecks")
    probability = models.FloatField(help_text="Of a defect, out of fold: by models that had not learned from the part.")
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    answer = models.OneToOneField(Label, on_delete=models.PROTECT, null=True, blank=True, related_name="answers")

    objects = RecheckQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            # Also the way to what waits: the queue's query is over open rechecks.
            models.UniqueConstraint(
                fields=["inspection"], condition=Q(closed_at__isnull=True), name="one_open_recheck_per_inspection"
            ),
            # A person who said it again is not asked once more.
            models.UniqueConstraint(
                fields=["inspection", "given"], condition=~Q(outcome="withdrawn"), name="verdict_doubted_once"
            ),
            models.CheckConstraint(condition=Q(given__in=["PASS", "FAIL"]), name="recheck_of_pass_or_fail"),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, outcome="", answer__isnull=True)
                | Q(closed_at__isnull=False, outcome="withdrawn", answer__isnull=True)
                | Q(closed_at__isnull=False, outcome__in=["confirmed", "changed"], answer__isnull=False),
                name="recheck_is_open_or_has_an_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.given} of {self.inspection} in doubt"
