"""Tests of version predictions: the deciding version's, label issues, and scores asked for by a person."""

from __future__ import annotations

import io
import shutil
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Station
from inspection.refusals import CannotScore
from inspection.replay.rescoring import score_with
from labeling.history.version_predictions import MAX_SCORED_AT_ONCE, load_version_predictions
from tests.labeling.conftest import make_product
from tests.pages.conftest import photos
from tests.tiny_model import MakeVersion

pytestmark = pytest.mark.usefixtures("own_folders")


@pytest.fixture
def decided_part(product: Product, make_version: MakeVersion) -> Inspection:
    make_version(product, champion=True)
    station = Station.objects.create(product=product, name="line-1")
    part = intake.receive(Submission(io.BytesIO(photos()[1]), product, station, part_id="P-1"))
    make_version(product)
    return part


def test_it_shows_the_verdicts_version_and_asks_no_other(decided_part: Inspection) -> None:
    newer, first = load_version_predictions(decided_part)
    assert (first.version.number, first.decided_part, first.is_champion, first.scored_now) == (1, True, True, False)
    assert first.probability == decided_part.defect_probability
    assert (newer.version.number, newer.probability, newer.label, newer.decided_part) == (2, None, "", False)


def test_another_version_scores_it_when_asked_and_nothing_is_written(decided_part: Inspection) -> None:
    before = Inspection.objects.filter(pk=decided_part.pk).values().get()
    newer = load_version_predictions(decided_part, [2])[0]
    # Both fixtures' versions are the same network.
    assert newer.probability == pytest.approx(decided_part.defect_probability, abs=1e-6)
    assert newer.scored_now and newer.label in ("PASS", "FAIL")
    assert Inspection.objects.filter(pk=decided_part.pk).values().get() == before


def test_the_page_shows_it_beside_the_verdict(decided_part: Inspection, ada: User) -> None:
    client = Client()
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    assert "Score with version 2" in client.get(f"/inspections/{decided_part.pk}/").content.decode()
    answer = client.post(f"/inspections/{decided_part.pk}/score/", {"version": ["2", "nonsense", "99"]})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Score with version 2" not in text and "decided this part" in text


def test_it_asks_a_few_at_once(decided_part: Inspection, make_version: MakeVersion) -> None:
    for _ in range(MAX_SCORED_AT_ONCE):
        make_version(decided_part.product)
    said = load_version_predictions(decided_part, range(1, 10))
    assert sum(one.scored_now for one in said) <= MAX_SCORED_AT_ONCE


def test_it_refuses_where_files_are_gone(decided_part: Inspection, ada: User, settings: Any) -> None:
    version = decided_part.product.registered_model.versions.get(number=2)
    shutil.rmtree(version.path)
    with pytest.raises(CannotScore, match="cannot be loaded"):
        score_with(version, decided_part)
    client = Client()
    client.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    text = client.post(f"/inspections/{decided_part.pk}/score/", {"version": "2"}).content.decode()
    assert "cannot be loaded: its files are damaged or missing" in text
    settings.MEDIA_ROOT = settings.MEDIA_ROOT / "elsewhere"
    champion = decided_part.product.registered_model.versions.get(number=1)
    with pytest.raises(CannotScore, match="cannot be read"):
        score_with(champion, decided_part)


def test_it_refuses_another_products_version(decided_part: Inspection, make_version: MakeVersion) -> None:
    with pytest.raises(CannotScore, match="is not a version of"):
        score_with(make_version(make_product("tile")), decided_part)
