"""Each rate at which defective parts get through has one name on all pages, and the figure under it is that rate."""

from __future__ import annotations

import pytest
from django.test import Client

from inspection.replay.replay_report import HOLDOUT_METRICS
from mltasks.models import ModelVersion
from mltasks.reports.figure_comparison import COMPARED_METRICS
from mltasks.reports.version_report import METRICS
from tests.labeling.conftest import make_person, make_product
from tests.tiny_model import MakeVersion


def test_the_miss_rate_and_the_escape_rate_are_named_apart() -> None:
    compared = {name: str(title) for name, title, _more in COMPARED_METRICS}
    figures = {name: f"{title}: {words}" for name, title, words in METRICS}
    assert compared["escape_rate"] == "Miss rate of the model alone: defective parts that its own label passes"
    assert figures["routed_escape_rate"] == "Escape rate: Of the defective parts, those that pass with nobody looking."
    assert str(dict(HOLDOUT_METRICS)["escape_rate"]) == "Escape rate: defective parts that pass with nobody looking"


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
        assert "missed, 5 each" in text and "The promised escape rate" in text
