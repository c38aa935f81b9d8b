"""Labels, and versions that doubt them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from inspection.models import Product
from labeling.models import Claim, Label
from labeling.queue import queue
from mltasks.models import DatasetSnapshot, EvaluationReport, ModelVersion, TrainingRun
from tests.labeling.conftest import make_part


def make_imported_label(product: Product, by: User | None = None, verdict: str = "FAIL", **fields: Any) -> Label:
    """An imported part with its label."""
    part = make_part(product, state="imported", source="import", verdict=None, **fields)
    return Label.objects.create(inspection=part, verdict=verdict, source=Label.Source.IMPORT, reviewer=by)


def make_version_with_label_issues(product: Product, *doubted: Label, labels: int = 1000) -> ModelVersion:
    """A version whose report doubts these labels, the most doubtful first."""
    model = product.registered_model
    number = model.versions.count() + 1
    snapshot = DatasetSnapshot.objects.create(model=model, number=number, sha256="0" * 64, good=labels, defective=0)
    run = TrainingRun.objects.create(model=model, snapshot=snapshot, state=TrainingRun.State.SUCCEEDED)
    version = ModelVersion.objects.create(model=model, number=number, run=run, bundle=f"{run.pk}", sha256="0" * 64)
    suspects = [
        {"sha256": one.inspection.image_sha256, "name": "x.jpg", "target": one.target, "probability": 0.04}
        for one in doubted
    ]
    EvaluationReport.objects.create(version=version, protocol="", evaluation={"metrics": {}, "suspects": suspects})
    return version


def claim_next(reviewer: User) -> Claim:
    found = queue.claim(reviewer=reviewer)
    assert found is not None
    return found
