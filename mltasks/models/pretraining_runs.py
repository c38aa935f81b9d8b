"""Model of a pretraining run."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from mltasks.models.model_fields import share_constraint
from mltasks.models.runs import Run, RunQuerySet


class BackboneRunQuerySet(RunQuerySet["BackboneRun"]):
    """Query set of pretraining runs."""

    def adopted(self) -> Self:
        """Filter the runs whose backbone trainings start from; at most one per model."""
        return self.filter(adopted=True)

    def without_large_fields(self) -> Self:
        """Defer the image list, the log and the loss curve, which only the run itself needs."""
        return self.defer("pictures", "log", "epochs")


class BackboneRun(Run):
    """Pretraining run of a backbone on a product's stored images, with its result.

    ``config`` holds the pretraining config, the product's training settings and the weights that the run starts from
    and is compared with.
    """

    COMMAND = "execute_backbone_run"
    TASK = "mltasks.tasks.execute_backbone_run"
    ACTIVITY = "pretraining"

    model = models.ForeignKey("mltasks.RegisteredModel", on_delete=models.PROTECT, related_name="backbone_runs")
    snapshot = models.ForeignKey(
        "mltasks.DatasetSnapshot", on_delete=models.PROTECT, null=True, blank=True, related_name="backbone_runs"
    )
    pictures = models.JSONField(default=list, help_text="[image name, sha256, region] of each image the run trains on.")
    saw_labeled = models.BooleanField(
        default=False, help_text="True if images that measure the backbone are among them."
    )
    labels_missing = models.TextField(blank=True, help_text="Why the backbone cannot be measured.")
    file = models.CharField(max_length=200, blank=True, help_text="Path of the weights below the versions folder.")
    sha256 = models.CharField(max_length=64, blank=True)
    card = models.JSONField(default=dict, help_text="How the weights were made.")
    evaluation = models.JSONField(default=dict, help_text="Result of each available backbone, by one measure.")
    adopted = models.BooleanField(
        default=False, help_text="Training runs that name no other weights start from this backbone."
    )

    objects = BackboneRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=Q(state__in=["queued", "running"]), name="one_backbone_lesson_at_a_time"
            ),
            models.UniqueConstraint(fields=["model"], condition=Q(adopted=True), name="one_adopted_backbone_per_model"),
            models.CheckConstraint(
                condition=Q(adopted=False) | (Q(state="succeeded") & ~Q(file="") & ~Q(sha256="")),
                name="adopted_backbone_has_a_file",
            ),
            share_constraint("progress", "backbone_progress_is_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} backbone {self.pk}"

    @property
    def path(self) -> Path:
        """Return the path of the run's weights on this machine."""
        return Path(settings.VERSIONS_DIR) / self.file

    @property
    def attempt_file(self) -> str:
        """Return the path of this attempt's weights below the versions folder, unique per attempt."""
        return f"{self.model.name}/backbones/backbone-{self.pk}-{self.attempt}-{self.key.hex[:8]}.safetensors"

    @property
    def work_dir(self) -> Path:
        """Return the folder for unfinished work, shared by all attempts.

        A new attempt continues where the killed attempt stopped.
        """
        return Path(settings.VERSIONS_DIR) / self.model.name / "backbones" / f".work-{self.pk}-{self.key.hex[:8]}"
