"""Versions that nothing was trained for: rows, and a directory whose hashes are right. They can't score."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from inspection.models import Product
from mltasks.models import DatasetSnapshot, EvaluationReport, ModelVersion, TrainingRun
from mltasks.registry import registry
from mltasks.vision.serving import bundle

EVALUATION = {"protocol": {"words": "Nothing was measured."}}
PICTURE_NAME, PICTURE = "plots/cost.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>'


def make_version(product: Product, *, champion: bool) -> ModelVersion:
    """Make the product's next version, with its snapshot, its run (which failed once) and its report."""
    model = product.registered_model
    number = model.versions.count() + 1
    snapshot = DatasetSnapshot.objects.create(model=model, number=number, sha256="0" * 64, good=20, defective=0)
    run = TrainingRun.objects.create(model=model, snapshot=snapshot, state="failed")
    name = f"{model.name}-{number}"
    sha256 = bundle.write_atomic(Path(settings.VERSIONS_DIR) / name, _fill)
    made = ModelVersion.objects.create(model=model, number=number, run=run, bundle=name, sha256=sha256, meta={})
    EvaluationReport.objects.create(version=made, protocol="", evaluation=EVALUATION)
    if champion:
        registry.promote(made, by=None, reason="The test's champion.")
    return made


def _fill(folder: Path) -> None:
    (folder / PICTURE_NAME).parent.mkdir()
    (folder / PICTURE_NAME).write_text(PICTURE)
    bundle.write_json(folder / bundle.REPORT, EVALUATION)
    bundle.write_json(folder / bundle.META, {})
