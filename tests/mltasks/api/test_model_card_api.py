"""A model card: the article says nothing that the JSON lacks, and a version that lacks things still has one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from mltasks.api.model_card import ModelCardSerializer
from mltasks.models import EvaluationReport, ModelVersion, RegisteredModel, TrainingRun
from mltasks.registry import registry
from mltasks.reports import model_card
from tests.mltasks.conftest import make_person
from tests.tiny_model import EXCESS, GOOD, PLAIN_CONFIG, SCRATCH, MakeVersion

ADDRESS = "/api/v1/models/plate/versions/{}/card/"
NUMBER = re.compile(r"\d+(?:\.\d+)?")
DIGITS = range(5)


@pytest.fixture
def api(db: None) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_person("ada", "view_modelversion"))
    return client


@pytest.fixture
def reader(db: None, client: Client) -> Client:
    client.force_login(make_person("bob", "view_modelversion"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def article_text(page: str) -> str:
    """Return the article's text without markup and charts; its times are those of a reader's clock."""
    text = page[page.index("<article") : page.index("</article>")]
    # Unescaped last: an apostrophe is written as the number 27.
    return unescape(re.sub(r"<svg.*?</svg>|<time.*?</time>|<[^>]*>|&nbsp;", " ", text, flags=re.DOTALL))


def values(facts: Any) -> Iterator[Any]:
    if isinstance(facts, dict):
        for name, value in facts.items():
            yield name
            yield from values(value)
    elif isinstance(facts, list):
        for value in facts:
            yield from values(value)
    else:
        yield facts


def printable_numbers(facts: Any) -> set[str]:
    """Every number of the facts in each way that a page may write it."""
    found: set[str] = set()
    for value in values(facts):
        if isinstance(value, str):
            found |= set(NUMBER.findall(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found |= {f"{abs(scaled):.{digits}f}" for scaled in (value, 100 * value) for digits in DIGITS}
            found |= set(NUMBER.findall(str(value)))
    return found


def test_each_number_of_the_page_is_in_the_json(
    api: APIClient, reader: Client, model: RegisteredModel, make_version: MakeVersion
) -> None:
    make_version(model, champion=True)
    registry.promote(make_version(model), by=make_person("mia"), reason="Better by 7 points.")
    facts = api.get(ADDRESS.format(1)).json()
    page = article_text(reader.get("/models/plate/1/card/").content.decode())
    said = NUMBER.findall(page)
    assert len(said) > 150
    assert sorted(set(said) - printable_numbers(facts)) == []
    # The page says what was measured, and by which protocol.
    order = [figure["name"] for figure in facts["metrics"]["figures"]]
    assert order[:3] == ["recall", "precision", "accuracy"] and order[5:8] == [
        *("false_alarm_rate", "review_rate", "routed_escape_rate"),
    ], "Clients may read the list by position."
    recall = next(one for one in facts["metrics"]["figures"] if one["name"] == "recall")
    assert f"{100 * recall['value']:.1f}\N{NO-BREAK SPACE}%" in page
    assert facts["metrics"]["protocol"] in page
    for caveat in facts["caveats"]:
        assert caveat in page


def test_it_tells_the_whole_lineage_and_history(
    api: APIClient, model: RegisteredModel, make_version: MakeVersion
) -> None:
    version = make_version(model, champion=True)
    registry.promote(make_version(model), by=make_person("mia"), reason="Sees more.")
    facts = api.get(ADDRESS.format(1)).json()
    assert list(facts) == list(ModelCardSerializer().fields)
    origin, snapshot = facts["lineage"], version.run.snapshot
    assert snapshot is not None
    assert origin["version"]["sha256"] == version.sha256
    assert (origin["snapshot"]["number"], origin["snapshot"]["sha256"]) == (1, snapshot.sha256)
    assert (origin["seed"], origin["config"], origin["asked"]) == (PLAIN_CONFIG.seed, version.meta["config"], {})
    assert (origin["code"], origin["libraries"]) == (version.meta["code"], version.meta["libraries"])
    assert {**origin["machine"], "python": origin["python"]} == version.meta["compute"]
    weights, companion = version.meta["backbone"], version.meta["companion"] or {"sha256": None}
    hashes = origin["backbone"]["sha256"], origin["backbone"]["companion_sha256"]
    assert hashes == (weights["sha256"] or None, companion["sha256"])
    assert (origin["run"]["id"], origin["run"]["attempt"]) == (version.run_id, 1)
    learned = facts["training_data"]
    assert [one["name"] for one in learned["splits"]] == ["fold-0", "fold-1"]
    assert sum(one["good"] for one in learned["splits"]) == GOOD
    types = {one["name"]: one["labeled_images"] for one in facts["factors"]["defect_types"]}
    assert types == {"scratch": SCRATCH, "excess": EXCESS}
    events = [(one["event"], one["by"], one["by_version"], one["reason"]) for one in facts["history"]]
    assert events == [("promoted", None, None, "The test's champion."), ("replaced", "mia", 2, "Sees more.")]


def test_a_version_from_elsewhere_or_of_old_says_what_it_lacks(
    api: APIClient, reader: Client, model: RegisteredModel, make_version: MakeVersion
) -> None:
    """One without a snapshot, one that recorded nothing of itself and has no report."""
    known = make_version(model)
    for number, meta in ((2, known.meta), (3, {})):
        run = TrainingRun.objects.create(model=model, snapshot=None, config={}, state="succeeded")
        made = ModelVersion.objects.create(
            model=model, number=number, run=run, bundle=f"plate/{number}", sha256="0" * 64, meta=meta
        )
        if meta:
            EvaluationReport.objects.create(version=made, protocol="Elsewhere.", evaluation=known.report.evaluation)
    imported, bare = api.get(ADDRESS.format(2)).json(), api.get(ADDRESS.format(3)).json()
    assert (imported["training_data"], imported["lineage"]["snapshot"]) == (None, None)
    assert imported["metrics"]["figures"] and not bare["metrics"]["figures"]
    assert (bare["lineage"]["seed"], bare["lineage"]["code"]) == (None, {"commit": None, "sha256": None})
    assert any("no report" in words for words in bare["caveats"])
    for number in (2, 3):
        page = reader.get(f"/models/plate/{number}/card/").content.decode()
        assert "The training data is unknown: this site has no snapshot of it." in page
        assert reader.get(f"/models/plate/{number}/").status_code == 200
    assert "not recorded" in article_text(page)


def test_it_asks_the_database_little(
    model: RegisteredModel, make_version: MakeVersion, django_assert_max_num_queries: Any
) -> None:
    version = make_version(model, champion=True)
    with django_assert_max_num_queries(4):
        json.dumps(model_card.build_model_card(ModelVersion.objects.with_origin().get(pk=version.pk)), default=str)


def test_strangers_and_unknown_versions(client: Client, reader: Client, model: RegisteredModel) -> None:
    assert reader.get("/models/plate/7/card/").status_code == 404
    client.force_login(make_person("eve"), backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/models/plate/1/card/").status_code == 403
    assert APIClient().get(ADDRESS.format(1)).status_code == 401
