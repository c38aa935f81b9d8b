"""What protects the line: rate limits, a database that is away, an open schema."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client

from inspection.api import authentication, throttles
from inspection.intake import intake
from inspection.models import Inspection, Product
from inspection.products.stations import create_station
from inspection.requests import uploads
from tests.inspection.conftest import POST_URL, Sender, error_of


@pytest.fixture
def two_requests_per_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles.StationThrottle, "THROTTLE_RATES", {"station": "2/minute"})


def test_it_refuses_a_station_that_sends_too_much(
    sender: Sender, product: Product, two_requests_per_minute: None, viewer: Any
) -> None:
    assert [sender.send().status_code for _ in range(2)] == [201, 201]
    response = sender.send()
    assert error_of(response) == (429, "throttled")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert Inspection.objects.count() == 2
    other = Sender(*create_station(product, "line-2"))
    assert other.send().status_code == 201, "Stations do not slow each other."
    assert [viewer.get(POST_URL).status_code for _ in range(4)] == [200] * 4


def test_it_answers_503_while_the_database_is_away(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("connection refused on host db-7")

    monkeypatch.setattr(authentication, "usable_key", away)
    response = sender.send()
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json()["code"] == "database_unavailable"
    assert "db-7" not in response.content.decode()


def test_it_answers_503_when_the_database_goes_before_the_row(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(intake, "insert_part", away)
    assert sender.send().status_code == 503
    monkeypatch.undo()
    assert not Inspection.objects.exists()


def test_it_refuses_when_there_is_no_room_for_the_upload(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.LimitedUploadHandler, "receive_data_chunk", full)
    assert error_of(sender.send()) == (507, "disk_full")


def test_it_refuses_a_body_that_breaks_off(sender: Sender) -> None:
    class Broken:
        def read(self, *_: Any) -> bytes:
            raise ConnectionResetError("the camera was unplugged")

        readline = read

    response = sender.client.generic(
        "POST",
        POST_URL,
        headers=sender.headers,
        **{"CONTENT_TYPE": "multipart/form-data; boundary=x", "CONTENT_LENGTH": "5000", "wsgi.input": Broken()},
    )
    assert error_of(response) == (400, "invalid_request")


@pytest.mark.parametrize("method", ["get", "post", "delete", "put"])
def test_an_unknown_address_is_refused_in_json(method: str) -> None:
    assert error_of(getattr(Client(), method)("/api/v1/no/such/address/")) == (404, "not_found")


def test_it_says_what_it_can_do(sender: Sender) -> None:
    assert sender.client.options(POST_URL, headers=sender.headers).status_code == 200


def test_a_fault_of_ours_is_no_page_of_traceback(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(intake, "receive", fault)
    sender.client.raise_request_exception = False
    response = sender.send()
    assert response.status_code == 500
    assert b"secret detail" not in response.content


def test_the_openapi_schema_is_valid_and_complete(tmp_path: Path) -> None:
    file = tmp_path / "schema.yml"
    call_command(
        "spectacular",
        "--validate",
        "--fail-on-warn",
        "--urlconf",
        "tests.inspection.urls",
        "--file",
        str(file),
        stdout=io.StringIO(),
    )
    text = file.read_text()
    for word in ("stationKey", "multipart/form-data", "Idempotency-Key", "received_before", "/predict", "'507'"):
        assert word in text
