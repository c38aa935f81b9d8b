"""JSON that is no JSON for a database: nested for ever, numbers that are none, too much of it. 400 at every door."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.labeling.conftest import make_part, make_product

pytestmark = pytest.mark.django_db

ANY = UUID(int=7)
DOORS = [
    "/api/v1/queue/claim/",
    *(f"/api/v1/queue/{ANY}/{step}/" for step in ("verdict", "skip")),
    *(f"/api/v1/models/plate/versions/1/{step}/" for step in ("promote", "rollback", "approve", "verify")),
]
BODIES = {
    "20,000 open brackets": b"[" * 20_000,
    "nested 50,000 deep": b"[" * 50_000 + b"]" * 50_000,
    "nested 900 deep": b'{"product":' + b"[" * 900 + b"]" * 900 + b"}",
    "objects nested 50,000 deep": b'{"product":' * 50_000 + b"1" + b"}" * 50_000,
    "an infinite number": b'{"product": 1e400}',
    "NaN": b'{"product": NaN}',
    "infinity": b'{"over": -Infinity}',
    "an integer of 5,000 digits": b'{"over": %s}' % (b"9" * 5000),
    "an integer of 100 bits": b'{"over": 1267650600228229401496703205376}',
    "a name twice": b'{"product": "a", "product": "b"}',
    "a byte that is no UTF-8": b'{"product": "\xff"}',
    "half an object": b'{"product": ',
    "nothing but spaces": b"   ",
}


@pytest.fixture
def client() -> Client:
    """An admin's client that shows what a visitor sees, where the tests' own would raise."""
    make_product()
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("path", DOORS)
def test_it_refuses_json_that_can_not_be_read(client: Client, path: str) -> None:
    doors = {path, f"/api/v1/inspections/{make_part(make_product('other')).pk}/label/"}
    for door in doors:
        for name, body in BODIES.items():
            response = client.post(door, body, content_type="application/json")
            assert (response.status_code, response.json()["code"]) == (400, "invalid_request"), f"{door}: {name}"


def test_it_refuses_more_json_than_a_process_should_hold(client: Client) -> None:
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        response = client.post(DOORS[0], b" " * 2_000_000, content_type=kind)
        assert (response.status_code, response.json()["code"]) == (413, "file_too_large"), response.json()


def test_it_reads_what_is_json(client: Client) -> None:
    assert (
        client.post(DOORS[0], '{"product": "plate", "excluding": []}', content_type="application/json").status_code
        == 204
    )
    assert client.post(DOORS[0], {"product": "plate"}).status_code == 204
