"""A version's rows, once its directory is in place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Max

from mltasks.models import EvaluationReport, ModelVersion, RegisteredModel, TrainingRun


def add(run: TrainingRun, *, sha256: str, meta: Mapping[str, Any], report: Mapping[str, Any]) -> ModelVersion:
    """The version that the run made, a candidate with the model's next number, and its report. Within the transaction
    that ends the run."""
    # The lock makes numbers consecutive however many runs end at once.
    RegisteredModel.objects.select_for_update().get(pk=run.model_id)
    last = ModelVersion.objects.filter(model_id=run.model_id).aggregate(Max("number"))["number__max"] or 0
    version = ModelVersion.objects.create(
        model_id=run.model_id, number=last + 1, run=run, bundle=run.bundle_name, sha256=sha256, meta=meta
    )
    # The prediction of every image stays in the bundle's report.json; rows are read by lists of versions.
    evaluation = {name: value for name, value in report.items() if name != "predictions"}
    EvaluationReport.objects.create(version=version, protocol=evaluation["protocol"]["words"], evaluation=evaluation)
    return version
