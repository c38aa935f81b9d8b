"""Reviews and labels, append-only, and their undos.

A trigger keeps the verdict of a part's standing label in `Inspection.human_verdict` (column person_says). The
history's filters use it through an index in the order of arrival. A join to the labels would read all parts to find
few labeled ones.
"""

from __future__ import annotations

from datetime import datetime
from typing import Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inspection.models import Inspection, Verdict
from inspection.models.choices import verdict_label
from labeling.models.claims import Claim
from labeling.models.defect_types import DefectType, current_type_name
from mltasks.models.model_fields import append_only

# The standing label, as in `LabelQuerySet.standing`. Undos are counted, not joined: a join that was planned while there
# were no undos would read all undos for each label, as long as the plan is kept.
_TRIGGER_BODY = """
    part := {part};
    SELECT label.verdict INTO said FROM labeling_label label
    WHERE label.inspection_id = part
        AND (SELECT count(*) FROM labeling_labelundo undone WHERE undone.label_id = label.id) = 0
    ORDER BY label.created_at DESC, label.id DESC LIMIT 1;
    UPDATE inspection_inspection SET person_says = said WHERE id = part AND person_says IS DISTINCT FROM said;
    RETURN NULL;
"""


def human_verdict_trigger(part: str) -> pgtrigger.Trigger:
    """Return the trigger that stores the human verdict of ``part`` (SQL) after an insert."""
    return pgtrigger.Trigger(
        name="person_says",
        operation=pgtrigger.Insert,
        when=pgtrigger.After,
        declare=[("part", "uuid"), ("said", "varchar")],
        func=_TRIGGER_BODY.format(part=part),
    )


class Review(models.Model):
    """Verdict of a person on one claimed part. Append-only."""

    claim = models.OneToOneField(Claim, on_delete=models.PROTECT, related_name="review")
    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=6, choices=Verdict)
    defect_type = models.ForeignKey(DefectType, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    comment = models.TextField(blank=True)
    seconds = models.FloatField(help_text=_("From the claim to the verdict."))
    shown_seconds = models.FloatField(
        null=True, blank=True, help_text=_("Time on the reviewer's screen, as the page measured it.")
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=["PASS", "FAIL"]), name="review_is_pass_or_fail"),
        ]
        triggers = [append_only("review_is_append_only")]

    def __str__(self) -> str:
        return f"{self.reviewer}: {self.verdict}"


class LabelQuerySet(models.QuerySet["Label"]):
    """Query set of labels."""

    def not_undone(self) -> Self:
        """Return labels that nobody undid."""
        return self.filter(undo__isnull=True)

    def standing(self) -> Self:
        """Return the standing label of each inspection: the newest that nobody undid."""
        return self.not_undone().order_by("inspection_id", "-created_at", "-id").distinct("inspection_id")


class Label(models.Model):
    """Verdict of a person on a part. Append-only: an undo is a row of its own."""

    class Source(models.TextChoices):
        REVIEW = "review", _("Review")
        CORRECTION = "correction", _("Correction")
        IMPORT = "import", _("Imported folder")

    class Provenance(models.TextChoices):
        SINGLE = "single", _("One person")
        DOUBLE = "double", _("Two people who agree")
        ADJUDICATED = "adjudicated", _("Decided by a third person")
        IMPORTED = "imported", _("Imported")
        OVERRULED = "overruled", _("Imported, replaces a person's verdict")

    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="labels")
    verdict = models.CharField(max_length=6, choices=Verdict)
    defect_type = models.ForeignKey(DefectType, on_delete=models.PROTECT, null=True, blank=True, related_name="labels")
    source = models.CharField(max_length=10, choices=Source)
    provenance = models.CharField(
        max_length=12,
        choices=Provenance,
        default=Provenance.SINGLE,
        db_default=Provenance.SINGLE,
        help_text=_("How many people gave or confirmed the verdict."),
    )
    review = models.OneToOneField(Review, on_delete=models.PROTECT, null=True, blank=True, related_name="label")
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
        related_name="labels",
    )
    comment = models.TextField(blank=True)
    marks = models.JSONField(
        null=True,
        blank=True,
        help_text=_("Rectangles around the defect, as shares of the image's sides; empty: the label states no place."),
    )
    mask_sha256 = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text=_("Hash of the imported mask, if any.")
    )
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
            models.CheckConstraint(
                condition=Q(verdict="FAIL") | Q(marks__isnull=True, mask_sha256=""),
                name="good_part_has_no_place",
            ),
        ]
        indexes = [
            # The standing label of an inspection is its newest row.
            models.Index(fields=["inspection", "-created_at", "-id"], name="label_newest_of_inspection"),
            # A person's labels of today. Replaces the foreign key's own index.
            models.Index(fields=["reviewer", "-created_at", "-id"], name="label_newest_of_reviewer"),
            # Labels newer than the last snapshot, and the admin's list.
            models.Index(fields=["-created_at", "-id"], name="label_newest"),
        ]
        triggers = [append_only("label_is_append_only"), human_verdict_trigger("NEW.inspection_id")]

    def __str__(self) -> str:
        return f"{verdict_label(self.verdict)} {current_type_name(self.defect_type)}".strip()

    @property
    def precedence(self) -> tuple[bool, datetime, int]:
        """Return the sort key among labels of the same image file; the highest counts.

        A person's label outranks an imported folder's, unless the import overruled that person with a reason. Then the
        newer label ranks higher.
        """
        outvoted = self.source == self.Source.IMPORT and self.provenance != self.Provenance.OVERRULED
        return not outvoted, self.created_at, self.pk

    @property
    def target(self) -> int:
        """Return 0 for a good part, 1 for a defective one."""
        return int(self.verdict == Verdict.FAIL)


class LabelUndo(models.Model):
    """Undo of a label. Append-only."""

    label = models.OneToOneField(Label, on_delete=models.PROTECT, related_name="undo")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        triggers = [
            append_only("undo_is_append_only"),
            human_verdict_trigger("(SELECT inspection_id FROM labeling_label WHERE id = NEW.label_id)"),
        ]

    def __str__(self) -> str:
        return f"{self.by} undid {self.label}"
