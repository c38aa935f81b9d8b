"""A champion of the test's own words."""

from __future__ import annotations

from typing import Any

import pytest

from inspection.models import Product
from mltasks.models import ModelVersion, TrainingRun
from mltasks.registry import scorers
from mltasks.vision.types import Scores
from tests.inspection.scoring.scripted_scorer import ScriptedScorer


@pytest.fixture
def make_scripted_champion(product: Product, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the product a champion that says what the test wants."""
    model = product.registered_model
    run = TrainingRun.objects.create(model=model, state="succeeded")
    ModelVersion.objects.create(model=model, number=4, run=run, state="champion", bundle="none", sha256="0" * 64)

    def told(*answers: Scores | Exception, kind: type[ScriptedScorer] = ScriptedScorer) -> ScriptedScorer:
        scorer = kind(*answers)
        monkeypatch.setattr(scorers, "get_scorer", lambda _: scorer)
        return scorer

    return told
