"""Faults of ours and a database that is away: a clear answer of the right kind, and no traceback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import Client

pytestmark = pytest.mark.django_db

ANY_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def client() -> Client:
    """A client that shows what a visitor sees, where the tests' own would raise."""
    return Client(raise_request_exception=False)


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every query fails as when the server is gone."""
    from django.db import OperationalError

    def gone(*arguments: object) -> None:
        raise OperationalError("connection is bad")

    monkeypatch.setattr(connections["default"], "cursor", gone)
    yield
    monkeypatch.undo()


def test_machines_are_told_when_to_come_back(client: Client, database_away: None) -> None:
    response = client.get("/api/v1/inspections/", headers={"Authorization": "Token abc"})
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["code"] == "database_unavailable"


def test_people_get_a_page(client: Client, database_away: None) -> None:
    client.cookies["sessionid"] = "a" * 32
    response = client.get("/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "The database cannot be reached" in response.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/inspections/", "/"])
def test_a_fault_shows_no_traceback(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("inner secret")

    monkeypatch.setattr("django.contrib.auth.get_user", broken)
    monkeypatch.setattr("django.contrib.auth.middleware.get_user", broken)
    monkeypatch.setattr("inspection.api.errors.exception_handler", broken)
    response = client.get(path)
    assert response.status_code == 500
    assert "inner secret" not in response.content.decode()
    assert ("code" in response.json()) if path.startswith("/api/") else ("Server error" in response.content.decode())


def test_an_unknown_api_address_answers_json(client: Client) -> None:
    response = client.get("/api/v1/no-such-thing/")
    assert response["Content-Type"].startswith("application/json")
    assert set(response.json()) == {"code", "detail"}


def test_an_unknown_host_is_one_line_of_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    (record,) = [record for record in caplog.records if record.name == "django.security.DisallowedHost"]
    assert "evil.example" in record.getMessage() and not record.exc_info
