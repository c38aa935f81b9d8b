"""Models of model versions and their evaluation reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Max, Q
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.models.model_fields import append_only
from mltasks.models.snapshots import RegisteredModel
from mltasks.models.training_runs import TrainingRun


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Query set of model versions."""

    def with_origin(self) -> Self:
        """Select each version's model, report, run, requesting user, snapshot and import."""
        run = ("run__snapshot", "run__requested_by")
        related = self.select_related("model", "report", *run, "imported__imported_by")
        return related.defer("run__log", "run__epochs", "imported__document")

    def with_metrics(self) -> Self:
        """Annotate each version with its report's ``metrics`` and ``promise``, without the report's curves."""
        related = self.select_related("model", "run__snapshot", "report", "imported")
        light = related.defer("report__evaluation", "imported__document")
        return light.annotate(
            metrics=KeyTransform("metrics", "report__evaluation"), promise=KeyTransform("promise", "report__evaluation")
        )


class ModelVersion(models.Model):
    """Trained version: a directory on disk, complete or absent, and its sha256."""

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
    meta = models.JSONField(default=dict, help_text=_("Content of meta.json in the directory."))
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
        """Return the directory of the bundle on this machine."""
        return Path(settings.VERSIONS_DIR) / self.bundle

    @property
    def embedding_space(self) -> str:
        """Return the name of the version's embedding space; empty if it computes no embeddings."""
        return str(self.meta.get("embedding", {}).get("space", ""))


class EvaluationReport(models.Model):
    """Evaluation of one version with its protocol, written once with the version."""

    version = models.OneToOneField(ModelVersion, on_delete=models.PROTECT, related_name="report")
    protocol = models.TextField(help_text=_("How the figures were measured."))
    evaluation = models.JSONField(help_text=_("All metrics with counts and 95 % intervals."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers = [append_only("report_is_immutable")]

    def __str__(self) -> str:
        return f"Report of {self.version}"

    def metric(self, name: str) -> dict[str, Any]:
        """Return ``{"value", "low", "high", ...}`` of a metric. Raises KeyError for an unknown name."""
        metric: dict[str, Any] = self.evaluation["metrics"][name]
        return metric


def record_version(
    run: TrainingRun, *, sha256: str, meta: Mapping[str, Any], report: Mapping[str, Any]
) -> ModelVersion:
    """Create the run's version as a candidate with the model's next number, and its report.

    Call it in the transaction that ends the run.
    """
    # The lock keeps the numbers consecutive when several runs end at the same time.
    RegisteredModel.objects.select_for_update().get(pk=run.model_id)
    last = ModelVersion.objects.filter(model_id=run.model_id).aggregate(Max("number"))["number__max"] or 0
    version = ModelVersion.objects.create(
        model_id=run.model_id, number=last + 1, run=run, bundle=run.bundle_name, sha256=sha256, meta=meta
    )
    # The predictions of single images stay in the bundle's report.json: lists of versions read these rows.
    evaluation = {name: value for name, value in report.items() if name != "predictions"}
    EvaluationReport.objects.create(version=version, protocol=evaluation["protocol"]["words"], evaluation=evaluation)
    return version
