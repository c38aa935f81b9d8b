"""Versions, reports, promotions and runs over REST."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from mltasks.models import ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.registry import registry
from tests.mltasks.conftest import make_person
from tests.tiny_model import GOOD, MakeVersion

VERSIONS = "/api/v1/models/plate/versions/"


@pytest.fixture
def client(db: None) -> APIClient:
    """Somebody who may look."""
    client = APIClient()
    client.force_authenticate(make_person("ada", "view_modelversion"))
    return client


@pytest.fixture
def manager(db: None) -> APIClient:
    """Somebody who may promote."""
    client = APIClient()
    client.force_authenticate(make_person("mia", "view_modelversion", "promote_modelversion"))
    return client


@pytest.fixture
def version(model: RegisteredModel, make_version: MakeVersion) -> ModelVersion:
    return make_version(model)


def test_it_lists_versions_newest_first(
    client: APIClient, model: RegisteredModel, make_version: MakeVersion, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        make_version(model, champion=True)
    with django_assert_max_num_queries(10):
        answer = client.get(VERSIONS)
    assert answer.status_code == 200
    found = answer.json()["results"]
    assert [one["version"] for one in found] == [3, 2, 1]
    assert [one["state"] for one in found] == ["champion", "retired", "retired"]
    assert found[0]["labels"] == {"good": GOOD, "defective": 8, "total": 16}
    assert found[0]["promotions"][0]["previous"] == 2


def test_it_shows_one_with_its_figures(client: APIClient, version: ModelVersion) -> None:
    body = client.get(f"{VERSIONS}1/").json()
    assert (body["product"], body["version"], body["sha256"]) == ("plate", 1, version.sha256)
    guarantee = body["escape_guarantee"]
    assert (guarantee["kind"], guarantee["rate"], guarantee["confidence"]) == ("none", 0.05, 0.95)
    assert (guarantee["more_defective_labels_needed"], guarantee["more_labels_needed_on_average"]) == (51, 11)
    recall = body["metrics"]["recall"]
    assert 0 <= recall["low"] <= recall["value"] <= recall["high"] <= 1
    assert recall["n"] == 8
    assert "cross-validation" in body["protocol"]


def test_its_report_is_strict_json(client: APIClient, version: ModelVersion) -> None:
    answer = client.get(f"{VERSIONS}1/report/")
    body = json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert body["confusion"].keys() == {"true_pass", "false_alarm", "escape", "true_fail"}
    assert body["protocol"]["kind"] == "cross-validation"
    assert body["cost_matrix"]["each"] == [[0.0, 1.0], [5.0, 0.0]]
    assert body["snapshot"]["number"] == 1


def test_it_promotes_for_those_who_may(manager: APIClient, version: ModelVersion) -> None:
    answer = manager.post(f"{VERSIONS}1/promote/", {"reason": "The first."})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["version"], body["previous"], body["by"], body["reason"]) == (1, None, "mia", "The first.")
    assert registry.champion(version.model) == version


def test_it_refuses_to_promote_for_others(client: APIClient, version: ModelVersion) -> None:
    answer = client.post(f"{VERSIONS}1/promote/", {"reason": "I like it."})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert not Promotion.objects.exists()


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "   "}, {"reason": None}, {"reason": "x" * 2001}, []])
def test_it_refuses_to_promote_without_a_reason(manager: APIClient, version: ModelVersion, body: Any) -> None:
    answer = manager.post(f"{VERSIONS}1/promote/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert not Promotion.objects.exists()


def test_it_refuses_the_champion_again(manager: APIClient, model: RegisteredModel, make_version: MakeVersion) -> None:
    make_version(model, champion=True)
    answer = manager.post(f"{VERSIONS}1/promote/", {"reason": "Again."})
    assert (answer.status_code, answer.json()["code"]) == (409, "already_champion")


def test_it_refuses_to_promote_over_another_champion(
    manager: APIClient, model: RegisteredModel, make_version: MakeVersion
) -> None:
    make_version(model, champion=True)
    make_version(model)
    answer = manager.post(f"{VERSIONS}2/promote/", {"reason": "Better than none.", "over": 0})
    assert (answer.status_code, answer.json()["code"]) == (409, "champion_changed")
    assert manager.post(f"{VERSIONS}2/promote/", {"reason": "Better than it.", "over": 1}).status_code == 201


def test_it_rolls_back_for_those_who_may(
    manager: APIClient, client: APIClient, model: RegisteredModel, make_version: MakeVersion
) -> None:
    for champion in (True, True, False):
        make_version(model, champion=champion)
    assert client.post(f"{VERSIONS}1/rollback/").status_code == 403
    answer = manager.post(f"{VERSIONS}3/rollback/", {"reason": "Back to it."})
    assert (answer.status_code, answer.json()["code"]) == (409, "never_champion")

    for body in ({"over": 2}, {"over": 2, "reason": "  "}):
        answer = manager.post(f"{VERSIONS}1/rollback/", body)
        assert answer.status_code == 400 and "reason" in str(answer.json())
    stale = manager.post(f"{VERSIONS}1/rollback/", {"over": 1, "reason": "Worse."})
    assert (stale.status_code, stale.json()["code"]) == (409, "champion_changed")
    answer = manager.post(f"{VERSIONS}1/rollback/", {"over": 2, "reason": "Worse."})
    assert answer.status_code == 201
    again = manager.post(f"{VERSIONS}1/rollback/", {"over": 2, "reason": "Worse."})
    assert (again.status_code, again.json()["code"]) == (409, "already_champion")
    body = answer.json()
    assert (body["version"], body["previous"], body["by"], body["reason"]) == (1, 2, "mia", "Worse.")
    assert manager.post(f"{VERSIONS}2/rollback/", {"reason": "It was the lamp."}).json()["reason"] == "It was the lamp."
    assert registry.champion(model) == model.versions.get(number=2)


def test_it_refuses_a_version_whose_files_changed(manager: APIClient, version: ModelVersion) -> None:
    (version.path / "serving.xml").unlink()
    answer = manager.post(f"{VERSIONS}1/promote/", {"reason": "Why not."})
    assert (answer.status_code, answer.json()["code"]) == (409, "bundle_corrupt")
    assert "serving.xml" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "plate/versions/2/",
        "plate/versions/2/report/",
        "plate/versions/99999999999999999999999/",
        "plate/runs/99999999999999999999999/",
        "nothing/versions/",
        "nothing/versions/1/",
        "nothing/runs/",
        "nothing/runs/1/",
        "plate/versions/1/files/plots/../meta.json",
        "plate/versions/1/files/meta.json",
        "plate/versions/1/files/model.safetensors",
        "plate/versions/1/files/plots/none.svg",
        "plate/versions/1/files//etc/passwd",
    ],
)
def test_it_refuses_what_is_not_there(client: APIClient, version: ModelVersion, path: str) -> None:
    answer = client.get(f"/api/v1/models/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["versions/", "versions/1/", "versions/1/report/", "versions/1/files/plots/a.svg", "runs/"]
)
def test_it_refuses_strangers(db: None, path: str) -> None:
    assert APIClient().get(f"/api/v1/models/plate/{path}").status_code == 401


def test_it_serves_figures_that_can_run_nothing(client: APIClient, version: ModelVersion) -> None:
    report = client.get(f"{VERSIONS}1/report/").json()
    figures = [name for name in report["files"] if name.endswith(".svg")]
    assert figures
    address = reverse("version-file", args=["plate", 1, figures[0]])
    answer = client.get(address, headers={"Accept": "image/svg+xml"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert b"<svg" in answer.content and b"prefers-color-scheme: light" in answer.content
    again = client.get(address, headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_it_shows_runs_live(client: APIClient, run: TrainingRun) -> None:
    TrainingRun.objects.update(state="running", progress=0.25, stage="epoch 3", epochs=[{"loss": 0.5}], log="03\n")
    (listed,) = client.get("/api/v1/models/plate/runs/").json()["results"]
    assert (listed["state"], listed["progress"], listed["stage"], listed["version"]) == (
        "running",
        0.25,
        "epoch 3",
        None,
    )
    assert "log" not in listed
    shown = client.get(f"/api/v1/models/plate/runs/{run.pk}/").json()
    assert (shown["epochs"], shown["log"]) == ([{"loss": 0.5}], "03\n")
    assert shown["config"]["folds"] == 2


def test_the_schema_describes_it_without_a_warning(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    ours = [path for path in schema["paths"] if path.startswith("/api/v1/models/")]
    assert len(ours) == 12
    said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert [words for words in said if "mltasks" in words] == []
