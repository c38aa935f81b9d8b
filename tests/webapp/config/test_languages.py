"""Which language a reader gets, and that numbers keep their form in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils import formats, timezone, translation
from pytest_django import Settings

from inspection.models import Product
from mltasks.models import TrainingRun
from tests.pseudolocale import shown_texts
from tests.tiny_model import MakeVersion
from tests.webapp.dashboard.test_pages import client_of, make_reviewer, make_waiting_part
from tests.webapp.templatetags.test_translation import EPOCHS
from tests.webapp.templatetags.test_translation import plate as plate
from webapp.config import languages
from webapp.config.environment import Environment

DRAWING = re.compile(r"<svg.*?</svg>", re.DOTALL)
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
COMMA = re.compile(r"\d,\d{1,2}(?!\d)")


def environment(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> Environment:
    monkeypatch.setenv("LANGUAGE_CODE", code)
    return Environment(folder)


def translate(folder: Path, name: str) -> None:
    (folder / name / "LC_MESSAGES").mkdir(parents=True)
    (folder / name / "LC_MESSAGES" / "django.mo").touch()


@pytest.mark.parametrize("code", ["de", "pt-br", "pt_BR", "de-at", "tlh"])
def test_it_takes_a_language_that_django_or_the_plant_knows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str
) -> None:
    translate(tmp_path, "tlh")
    env = environment(monkeypatch, tmp_path, code)
    assert languages.configured_language(env, tmp_path) == code.lower().replace("_", "-")
    assert env.problems == []


@pytest.mark.parametrize("code", ["xx", "german", "../de", "de\N{LATIN SMALL LETTER SHARP S}-x"])
def test_it_refuses_a_language_that_nobody_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    env = environment(monkeypatch, tmp_path, code)
    assert languages.configured_language(env, tmp_path) == "en-us"
    [problem] = env.problems
    assert "LANGUAGE_CODE" in problem and "such as" in problem


def test_it_offers_what_is_translated_and_no_more(tmp_path: Path) -> None:
    translate(tmp_path, "pt_BR")
    (tmp_path / "fr" / "LC_MESSAGES").mkdir(parents=True)
    assert languages.available_languages("en-us", tmp_path) == [("en", "English"), ("pt-br", "Português Brasileiro")]
    assert [code for code, _ in languages.available_languages("de", tmp_path)] == ["de", "en", "pt-br"]


@pytest.mark.django_db
def test_a_browser_that_asks_for_another_language_gets_whole_english_pages() -> None:
    answer = Client().get("/login/", headers={"Accept-Language": "de"})
    assert answer["Content-Language"] == "en"
    assert '<html lang="en" dir="ltr"' in answer.content.decode()


@pytest.fixture
def german(settings: Settings) -> Iterator[None]:
    """The site in German, whose decimals have commas."""
    settings.LANGUAGES, settings.LANGUAGE_CODE = [("de", "Deutsch")], "de"
    with translation.override("de"):
        assert formats.localize(0.5) == "0,5"
    yield
    translation.deactivate()


def test_numbers_keep_their_point_where_decimals_have_a_comma(
    german: None, plate: Product, make_version: MakeVersion
) -> None:
    version = make_version(plate, champion=True)
    run = TrainingRun.objects.create(
        model=plate.registered_model, snapshot=version.run.snapshot, state="running", progress=0.45, epochs=EPOCHS
    )
    scores = {"defect_probability": 0.437, "novelty": 1.73, "reconstruction_error": 2.0, "anomaly_threshold": 1.0}
    texts = {"image_bytes": 3_456, "metadata": {"torque": 0.25}, "decided_at": timezone.now(), "latency_ms": 12.3}
    found = make_waiting_part(plate, model_version=version, model_verdict="FAIL", **scores, **texts)
    client = client_of(make_reviewer("mia", "quality manager"))
    report = ["/models/", "/models/plate/1/", "/models/plate/1/promote/", f"/models/run-{run.pk}/"]
    for path in ["/", "/dashboard/facts/?of=plate", "/inspections/", f"/inspections/{found.pk}/", *report]:
        page = client.get(path).content.decode()
        assert 'lang="de"' in page or path.startswith("/dashboard/")
        drawn = ATTRIBUTE.findall("".join(DRAWING.findall(page)))
        # The points of a line are pairs with a comma between.
        assert [(name, value) for name, value in drawn if COMMA.search(value) and name != "points"] == [], path
        assert all(re.fullmatch(r"([\d.]+,[\d.]+ ?)+", value) for name, value in drawn if name == "points"), path
        assert [text for text in shown_texts(page) if COMMA.search(text)] == [], path
