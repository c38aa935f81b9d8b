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


def test_it_names_the_bound_of_the_escape_rate_that_applies() -> None:
    product = make_product()
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state="succeeded")
    version = ModelVersion.objects.create(model=model, number=1, state="champion", run=run)
    Promotion.objects.create(model=model, version=version, reason="The first.")

    def words(parts: int) -> str:
        version.meta = {"escapes": {"lowest": [0.5] * parts, "parts": parts, "novelty": [0.5] * parts}} if parts else {}
        version.save()
        summary = dashboard_metrics.champion_summary(product)
        assert summary is not None
        return str(summary["guarantee"]).replace("\N{NO-BREAK SPACE}", " ")

    assert words(0) == ""
    assert words(18).startswith("No escape guarantee yet: for 5 % with 95 % confidence, label 41 more")
    assert words(19).startswith("On average, at most 5 % of the defective parts pass without review.")
    assert words(59) == "With 95 % confidence, at most 5 % of the defective parts pass without review."


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
