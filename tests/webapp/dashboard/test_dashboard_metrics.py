"""What the dashboard says of a champion whose files are damaged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from inspection.models import Inspection
from mltasks.models import ModelVersion, Promotion, TrainingRun
from tests.labeling.conftest import make_part, make_product
from webapp.dashboard import dashboard_metrics

pytestmark = pytest.mark.django_db


def test_it_names_the_version_that_stands_in() -> None:
    product = make_product()
    model = product.registered_model
    versions = [
        ModelVersion.objects.create(
            model=model, number=number, state=state, run=TrainingRun.objects.create(model=model, state="succeeded")
        )
        for number, state in ((1, "retired"), (2, "champion"))
    ]
    promotion = Promotion.objects.create(model=model, version=versions[1], previous=versions[0], reason="Better.")

    def stands_in() -> ModelVersion | None:
        found = dashboard_metrics.champion_summary(product)
        assert found is not None
        stand: ModelVersion | None = found["fallback"]
        return stand

    part = make_part(product, model_version=versions[0], decided_at=promotion.created_at + timedelta(seconds=2))
    assert stands_in() is None, "It was on its way when the champion changed."
    part = make_part(product, model_version=versions[0], decided_at=timezone.now() + timedelta(minutes=2))
    assert stands_in() == versions[0]
    assert Inspection.objects.order_by("-received_at").first() == part
    make_part(product, model_version=versions[1], decided_at=timezone.now() + timedelta(minutes=3))
    assert stands_in() is None
