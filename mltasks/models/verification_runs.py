"""Model of a verification run."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.models.model_fields import share_constraint
from mltasks.models.runs import UNFINISHED_STATES, Run, RunQuerySet, RunState


class VerifyingRunQuerySet(RunQuerySet["VerifyingRun"]):
    """Query set of verification runs."""


class VerifyingRun(Run):
    """Requested verification of a version; ``verification`` is set once the run has succeeded."""

    COMMAND = "execute_verification"
    TASK = "mltasks.tasks.execute_verification"
    ACTIVITY = "verification"

    version = models.ForeignKey("mltasks.ModelVersion", on_delete=models.PROTECT, related_name="verifying_runs")
    hashes_only = models.BooleanField(default=False, help_text=_("True if the version is not retrained."))
    verification = models.OneToOneField(
        "mltasks.Verification", on_delete=models.PROTECT, null=True, blank=True, related_name="run"
    )

    objects = VerifyingRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"], condition=Q(state__in=UNFINISHED_STATES), name="one_look_at_a_version_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state=RunState.SUCCEEDED, verification__isnull=False)
                | Q(~Q(state=RunState.SUCCEEDED), verification__isnull=True),
                name="verifying_ends_with_its_verification",
            ),
            share_constraint("progress", "verifying_progress_is_a_share"),
        ]

    def __str__(self) -> str:
        return gettext("verification {number} of {version}").format(number=self.pk, version=self.version)
