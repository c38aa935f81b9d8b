"""Model of a training run."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.models.model_fields import share_constraint
from mltasks.models.runs import Run, RunQuerySet
from mltasks.models.snapshots import DatasetSnapshot, RegisteredModel
from mltasks.vision.train_config import TrainConfig


class TrainingRunQuerySet(RunQuerySet["TrainingRun"]):
    """Query set of training runs. All times are the database's."""


class TrainingRun(Run):
    """Run that trains or imports a version."""

    class Trigger(models.TextChoices):
        MANUAL = "manual", _("By a person")
        NIGHTLY = "nightly", _("Nightly")
        COMMAND = "command", _("By command")
        IMPORTED = "imported", _("Imported")

    COMMAND = "execute_run"
    TASK = "mltasks.tasks.execute_run"
    ACTIVITY = "training"

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="runs")
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.MANUAL)
    night = models.DateField(
        null=True, blank=True, help_text=_("The night this run belongs to. One run a model and night.")
    )

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["model", "night"], name="one_run_per_model_and_night"),
            share_constraint("progress", "run_progress_is_a_share"),
        ]
        indexes = [
            # The recovery's query: runs that wait, and runs whose worker is gone.
            models.Index(
                fields=["lease_expires_at"], name="run_unfinished", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return gettext("{model} run {number}").format(model=self.model.name, number=self.pk)

    @property
    def bundle_name(self) -> str:
        """Return the path of this attempt's version below the versions folder, unique per attempt."""
        return f"{self.model.name}/run-{self.pk}-{self.attempt}-{self.key.hex[:8]}"

    @property
    def max_attempts(self) -> int:
        """Return 1 for an import: its file is gone with its process, so a worker can't try it again."""
        return 1 if self.trigger == self.Trigger.IMPORTED else super().max_attempts

    @property
    def activity(self) -> str:
        """Return "import" for an import, else "training"."""
        return "import" if self.trigger == self.Trigger.IMPORTED else super().activity

    def train_config(self) -> TrainConfig:
        """Return the run's config. Raises ValueError for unknown settings."""
        return TrainConfig.from_json(self.config)
