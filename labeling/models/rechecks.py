"""Rechecks of labeled parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from inspection.models import Inspection, Verdict
from mltasks.models import ModelVersion

if TYPE_CHECKING:  # labels are built on this
    from labeling.models.labels import Label

ADJUDICATE_PERMISSION = "labeling.adjudicate"


class RecheckQuerySet(models.QuerySet["Recheck"]):
    """Query set of rechecks."""

    def open(self) -> Self:
        """Return rechecks that wait for a person."""
        return self.filter(closed_at__isnull=True)

    def due(self) -> Self:
        """Return rechecks that are due; never repeat reviews by an inactive person."""
        gone = Q(reason="repeat", label__reviewer__is_active=False)
        return self.filter(due_at__lte=Now()).exclude(gone)

    def disputed(self) -> Self:
        """Return open disputes: two verdicts differ and nobody adjudicated yet."""
        return self.open().filter(reason="disputed")

    def for_reviewer(self, reviewer: User) -> Self:
        """Return rechecks that this person may answer, as ``Recheck.answerable_by``."""
        return self.answerable_by(reviewer, may_adjudicate=reviewer.has_perm(ADJUDICATE_PERMISSION))

    def answerable_by(self, reviewer: User | Combinable, *, may_adjudicate: bool) -> Self:
        """Return rechecks that this person, or the person of a query parameter, may answer."""
        own = Q(label__reviewer=reviewer)
        may = Q(reason="doubted") | (Q(reason="second") & ~own) | (Q(reason="repeat") & own)
        if may_adjudicate:
            # The disputed label is the answer to a recheck of the first label.
            may |= Q(reason="disputed") & ~own & ~Q(label__answers__label__reviewer=reviewer)
        return self.filter(may)


class Recheck(models.Model):
    """Labeled part that is judged again. The reason decides who may judge it.

    ``answer`` is the label that closed the recheck; undoing that label reopens the recheck.
    """

    class Reason(models.TextChoices):
        DOUBTED = "doubted", _("A version gives the label a low probability")
        SECOND = "second", _("Double review: a second person, blind")
        REPEAT = "repeat", _("Repeat review: the same person, blind")
        DISPUTED = "disputed", _("Two people differ: a third person decides")

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", _("Confirmed")
        CHANGED = "changed", _("Changed")
        WITHDRAWN = "withdrawn", _("The label was undone")

    inspection = models.ForeignKey(Inspection, on_delete=models.PROTECT, related_name="rechecks")
    reason = models.CharField(max_length=10, choices=Reason, default=Reason.DOUBTED, db_default=Reason.DOUBTED)
    label = models.ForeignKey(
        "labeling.Label",
        on_delete=models.PROTECT,
        related_name="rechecks",
        help_text=_("The label that is rechecked."),
    )
    given = models.CharField(max_length=6, choices=Verdict, help_text=_("Verdict of that label."))
    version = models.ForeignKey(
        ModelVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="rechecks",
        help_text=_("The version that gives the label a low probability."),
    )
    probability = models.FloatField(
        null=True,
        blank=True,
        help_text=_("Out-of-fold defect probability: by models that were not trained on the part."),
    )
    opened_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField(db_default=Now(), help_text=_("Time from which the recheck is offered to reviewers."))
    closed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    answer = models.OneToOneField(
        "labeling.Label", on_delete=models.PROTECT, null=True, blank=True, related_name="answers"
    )

    objects = RecheckQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        permissions = [("adjudicate", "Can settle what two people differ on, and see how people agree")]
        constraints = [
            # Its index also serves the queue's query over open rechecks.
            models.UniqueConstraint(
                fields=["inspection"], condition=Q(closed_at__isnull=True), name="one_open_recheck_per_inspection"
            ),
            # A verdict that a person confirmed is not rechecked once more.
            models.UniqueConstraint(
                fields=["inspection", "given"],
                condition=Q(reason="doubted") & ~Q(outcome="withdrawn"),
                name="verdict_doubted_once",
            ),
            models.UniqueConstraint(
                fields=["inspection"],
                condition=Q(reason__in=["second", "repeat"]) & ~Q(outcome="withdrawn"),
                name="part_judged_again_once",
            ),
            models.CheckConstraint(
                condition=Q(reason="doubted", version__isnull=False, probability__isnull=False)
                | Q(reason__in=["second", "repeat", "disputed"], version__isnull=True, probability__isnull=True),
                name="recheck_has_what_its_reason_needs",
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
        return f"Recheck of {self.inspection} ({self.given})"

    def answerable_by(self, reviewer: User) -> bool:
        """Return True if this person's verdict answers the recheck.

        A second review is answered by another person, a repeat review by the same person. A dispute is resolved by a
        person with the permission who gave neither verdict.
        """
        own = self.label.reviewer_id == reviewer.pk
        match self.reason:
            case self.Reason.SECOND:
                return not own
            case self.Reason.REPEAT:
                return own
            case self.Reason.DISPUTED:
                return (
                    not own and self.first_label.reviewer_id != reviewer.pk and reviewer.has_perm(ADJUDICATE_PERMISSION)
                )
        return True

    @property
    def first_label(self) -> Label:
        """Return the first label of a dispute: the one that the disputed label was to confirm."""
        return self.label.answers.label
