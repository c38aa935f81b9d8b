"""The three addresses for machines: /healthz, /readyz and /metrics."""

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from mltasks.models import RegisteredModel
from tests.tiny_model import MakeVersion
from webapp.health import prometheus


def test_healthz_touches_no_database(client: Client) -> None:
    # Without the django_db mark, any query of the view would raise.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz_names_every_part(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()["parts"]) == (200, {"database": "ok", "disk": "ok"})


@pytest.mark.django_db
def test_the_precision_of_each_champion_is_named(client: Client, make_version: MakeVersion) -> None:
    model = RegisteredModel.objects.create(name="phone-case")
    make_version(model, champion=True)

    assert client.get("/readyz").json()["precisions"] == {model.name: "f32"}
    line = f'second_look_champion_precision{{model="{model.name}",precision="f32"}} 1.0'
    assert line in client.get("/metrics").content.decode()


@pytest.mark.django_db
def test_readyz_names_a_full_disk(client: Client, settings: Settings) -> None:
    settings.MIN_FREE_DISK_BYTES = 1 << 60
    response = client.get("/readyz")
    assert (response.status_code, response.json()["failing"]) == (503, ["disk"])
    assert "MiB free" in response.json()["parts"]["disk"]
    assert response["Retry-After"] == "5"


@pytest.mark.django_db
def test_readyz_names_a_folder_that_is_not_there(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "gone"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert str(tmp_path / "gone") in response.json()["parts"]["disk"]


@pytest.mark.django_db(transaction=True)
def test_readyz_names_a_lost_database(client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"host": "/nowhere", "connect_timeout": 2})
    response = client.get("/readyz")
    assert (response.status_code, response.json()["failing"]) == (503, ["database"])
    assert "/nowhere" in response.json()["parts"]["database"]


@pytest.mark.django_db
def test_metrics_show_latencies_by_view_and_the_line(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests before this one have used up the combinations that a process keeps.
    monkeypatch.setattr(prometheus, "_label_sets", set())
    client.get("/healthz")
    client.get("/no/such/page/17")
    with django_assert_max_num_queries(11):
        text = client.get("/metrics").content.decode()
    assert 'second_look_http_request_seconds_count{method="GET",status="200",view="healthz"}' in text
    assert 'view="none"' in text
    assert "/no/such" not in text
    assert 'second_look_training_runs{state="queued"} 0.0' in text


def test_health_refuses_a_post(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
