"""What is learned: snapshots, training runs, model versions, reports and promotions."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.backbone_run import BackboneRun as BackboneRun  # here, too, Django looks for models
from mltasks.imported_version import ImportedVersion as ImportedVersion
from mltasks.leased import LeasedRun, LeasedRunQuerySet
from mltasks.promotions import Approval as Approval
from mltasks.promotions import Promotion as Promotion
from mltasks.promotions import Verification as Verification
from mltasks.trusted_plant import TrustedPlant as TrustedPlant
from mltasks.verifying_run import VerifyingRun as VerifyingRun
from mltasks.vision.types import Roi, Sample, TrainConfig


class RegisteredModel(models.Model):
    """A line of model versions for one purpose. Its name is the slug of the product it serves."""

    name = models.SlugField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DatasetSnapshot(models.Model):
    """An immutable copy of a labeled set: a later correction of a label can't rewrite what a version learned from."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="snapshots")
    number = models.PositiveIntegerField()
    # The database's clock, as for labels: the nightly asks which labels are newer.
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    sha256 = models.CharField(max_length=64, help_text=_("Hash of the sorted manifest of all items."))
    good = models.PositiveIntegerField()
    defective = models.PositiveIntegerField()

    class Meta:
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="snapshot_number_once_per_model")]
        triggers = [pgtrigger.Protect(name="snapshot_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return gettext("{model} snapshot {number}").format(model=self.model.name, number=self.number)

    @property
    def total(self) -> int:
        """Number of labeled images that it teaches: those of the locked holdout come on top."""
        return self.good + self.defective

    def samples(self, media_root: Path) -> list[Sample]:
        """Return the items as the science floor's samples, their image paths under ``media_root``."""
        return [item.as_sample(media_root) for item in self.items.order_by("id")]


class SnapshotItem(models.Model):
    """One labeled image as it was when the snapshot was frozen."""

    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, related_name="items")
    image_name = models.CharField(max_length=200, help_text=_("Path of the image below MEDIA_ROOT."))
    image_sha256 = models.CharField(max_length=64)
    title = models.CharField(max_length=200, help_text=_("The name a person knows the image by."))
    target = models.PositiveSmallIntegerField(help_text=_("0 good, 1 defective."))
    defect_type = models.CharField(max_length=80, blank=True)
    group = models.CharField(max_length=200, help_text=_("Images of one part share a group and are never split."))
    split = models.CharField(max_length=20)
    roi = models.CharField(max_length=40, blank=True, help_text=_("X,Y,W,H of the station, in upright pixels."))
    bit_depth = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Bits of 16 that are scaled to 8; empty for images of 8 bits.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "image_sha256"], name="image_once_per_snapshot"),
            models.CheckConstraint(condition=Q(target__in=[0, 1]), name="snapshot_item_target_is_binary"),
        ]
        # Whether any snapshot has this image: retention keeps those, and a part's page names the versions it taught.
        indexes = [models.Index(fields=["image_sha256"], name="snapshot_item_by_image")]
        triggers = [pgtrigger.Protect(name="snapshot_item_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.title} ({'defective' if self.target else 'good'})"

    def as_sample(self, media_root: Path) -> Sample:
        """Return the science floor's view of this item."""
        return Sample(
            name=self.title,
            sha256=self.image_sha256,
            path=media_root / self.image_name,
            target=self.target,
            group=self.group,
            split=self.split,
            defect_type=self.defect_type,
            roi=Roi.stored(self.roi),
            bit_depth=self.bit_depth,
        )


class TrainingRunQuerySet(LeasedRunQuerySet["TrainingRun"]):
    """Sets of training runs in domain words. All times are the database's."""


class TrainingRun(LeasedRun):
    """One attempt to learn a new version."""

    class Trigger(models.TextChoices):
        MANUAL = "manual", _("By a person")
        NIGHTLY = "nightly", _("Nightly")
        COMMAND = "command", _("By command")
        IMPORTED = "imported", _("Imported")

    COMMAND = "execute_run"
    TASK = "mltasks.tasks.execute_run"
    WORK = "training"

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="runs")
    snapshot = models.ForeignKey(DatasetSnapshot, on_delete=models.PROTECT, null=True, blank=True, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.MANUAL)
    night = models.DateField(
        null=True, blank=True, help_text=_("The night this run belongs to; one a model and night.")
    )

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["model", "night"], name="one_run_per_model_and_night"),
            models.CheckConstraint(condition=Q(progress__gte=0, progress__lte=1), name="run_progress_is_a_share"),
        ]
        indexes = [
            # The sweeper's query: runs that wait, and runs whose worker is gone.
            models.Index(
                fields=["lease_expires_at"], name="run_unfinished", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return gettext("{model} run {number}").format(model=self.model.name, number=self.pk)

    @property
    def bundle_name(self) -> str:
        """Directory below the versions folder that this attempt writes its version to; no two attempts share one."""
        return f"{self.model.name}/run-{self.pk}-{self.attempt}-{self.key.hex[:8]}"

    @property
    def most_attempts(self) -> int:
        """An import is not tried again by a worker: its file is gone with its process."""
        return 1 if self.trigger == self.Trigger.IMPORTED else super().most_attempts

    @property
    def work(self) -> str:
        """A training, or an import."""
        return "import" if self.trigger == self.Trigger.IMPORTED else super().work

    def train_config(self) -> TrainConfig:
        """Return the run's config. Raises ValueError for unknown settings."""
        return TrainConfig.from_json(self.config)


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Sets of versions in domain words."""

    def with_origin(self) -> Self:
        """Each with its model and report, its run with who asked for it, its snapshot, and the plant it came from."""
        run = ("run__snapshot", "run__requested_by")
        related = self.select_related("model", "report", *run, "imported__imported_by")
        return related.defer("run__log", "run__epochs", "imported__document")

    def with_metrics(self) -> Self:
        """Each with its report's ``metrics``, without the curves that only the report's own page needs."""
        related = self.select_related("model", "run__snapshot", "report", "imported")
        light = related.defer("report__evaluation", "imported__document")
        return light.annotate(metrics=KeyTransform("metrics", "report__evaluation"))


class ModelVersion(models.Model):
    """One trained version: a directory on disk, whole or absent, and its sha256 here."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("Candidate")
        CHAMPION = "champion", _("Champion")
        RETIRED = "retired", _("Retired")

    model = models.ForeignKey(RegisteredModel, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="version")
    state = models.CharField(max_length=10, choices=State, default=State.CANDIDATE)
    bundle = models.CharField(max_length=200, help_text=_("Directory below the versions folder."))
    sha256 = models.CharField(max_length=64, help_text=_("Digest of the whole directory."))
    meta = models.JSONField(default=dict, help_text=_("What meta.json in the directory says."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        permissions = [
            ("promote_modelversion", "Can promote a model version to champion"),
            ("override_gate", "Can promote a version that the promotion policy stops"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="version_number_once_per_model"),
            models.UniqueConstraint(
                fields=["model"], condition=Q(state="champion"), name="one_champion_per_registered_model"
            ),
        ]

    def __str__(self) -> str:
        return gettext("{model} version {number}").format(model=self.model.name, number=self.number)

    @property
    def path(self) -> Path:
        """Directory of the bundle on this machine."""
        return Path(settings.VERSIONS_DIR) / self.bundle

    @property
    def space(self) -> str:
        """In which its points of parts can be compared; empty of versions that draw none."""
        return str(self.meta.get("embedding", {}).get("space", ""))


class EvaluationReport(models.Model):
    """The honest numbers of one version, with their protocol. Written once with the version."""

    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, related_name="report")
    protocol = models.TextField(help_text=_("How the numbers were measured, in words."))
    evaluation = models.JSONField(help_text=_("All metrics with counts and 95 % intervals."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers = [pgtrigger.Protect(name="report_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"Report of {self.version}"

    def metric(self, name: str) -> dict[str, Any]:
        """Return ``{"value", "low", "high", ...}`` of a metric. Raises KeyError for an unknown name."""
        found: dict[str, Any] = self.evaluation["metrics"][name]
        return found
