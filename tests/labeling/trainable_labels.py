"""Labels on real drawn images, enough of them to train on."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from inspection.models import Inspection, Product, Verdict
from labeling.models import Label
from mltasks.vision.types import Sample
from tests.labeling.conftest import make_part
from tests.tiny_model import labeled_samples

QUICK_CONFIG = {
    "companion": "",
    "detectors": ["memory"],
    "height": 64,
    "width": 64,
    "backbone_weights": "random",
    "folds": 2,
    "dense_epochs": 1,
    "precision": "f32",
    "trade_points": 0,
    "views": 1,
    "oversampling": 1,
    "autoencoder_epochs": 1,
    "threads": 1,
}


def label_drawn_parts(
    product: Product, *, at: datetime | None = None, samples: list[Sample] | None = None
) -> list[Label]:
    """Label the drawn parts (or ``samples`` of them) for a product, as if ``at`` that moment."""
    return [_label(product, sample, {"created_at": at} if at else {}) for sample in samples or labeled_samples()]


def _label(product: Product, sample: Sample, fields: dict[str, Any]) -> Label:
    name = str(sample.path.relative_to(Path(settings.MEDIA_ROOT)))
    part = make_part(
        product,
        image_name=name,
        image_sha256=sample.sha256,
        original_filename=sample.name,
        state=Inspection.State.IMPORTED,
        source=Inspection.Source.IMPORT,
        verdict=None,
    )
    verdict = Verdict.FAIL if sample.target else Verdict.PASS
    return Label.objects.create(inspection=part, verdict=verdict, source=Label.Source.IMPORT, **fields)
