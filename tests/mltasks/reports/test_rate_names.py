"""Each rate at which defective parts get through has one name on all pages, and the figure under it is that rate."""

from __future__ import annotations

import pytest
from django.test import Client

from mltasks.models import ModelVersion
from mltasks.reports.report_figures import FIGURES, HOLDOUT_FIGURES
from tests.labeling.conftest import make_person, make_product
from tests.tiny_model import MakeVersion


def test_the_miss_rate_and_the_escape_rate_are_named_apart() -> None:
    figures = {figure.name: figure.full_title for figure in FIGURES}
    holdout = {figure.name: figure.full_title for figure in HOLDOUT_FIGURES}
    assert figures["escape_rate"] == "Miss rate of the model alone: defective parts with model verdict PASS"
    assert figures["routed_escape_rate"] == "Escape rate: defective parts that pass without review"
    assert holdout["escape_rate"] == "Escape rate: defective parts that pass without review"


@pytest.fixture
def version(db: None, make_version: MakeVersion) -> ModelVersion:
    return make_version(make_product(), champion=True)


@pytest.mark.parametrize("page", ["", "promote/", "card/"])
def test_no_page_of_a_version_calls_misses_escapes(client: Client, version: ModelVersion, page: str) -> None:
    client.force_login(make_person("mia", "admin"))
    shown = client.get(f"/models/plate/{version.number}/{page}", follow=True)
    assert shown.status_code == 200
    text = shown.content.decode()
    for wrong in ("Escapes: defects it passes", "Escapes on the line", "escapes, 5 each", "promise about escapes"):
        assert wrong not in text
    if page == "":
        assert "missed, 5 each" in text and "Escape guarantee" in text
