"""Bodies as programs of other makers send them: read, or refused with what to send."""

from __future__ import annotations

import codecs

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.labeling.conftest import make_part, make_product

pytestmark = pytest.mark.django_db
CLAIM = "/api/v1/queue/claim/"


def test_it_reads_json_behind_the_mark_of_utf_8(client: Client) -> None:
    product = make_product()
    make_part(product)
    body = codecs.BOM_UTF8 + b'{"product": "%s"}' % product.slug.encode()
    assert client.post(CLAIM, body, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"product": "\xff"}', "byte 13 is not UTF-8"),
        (b'{"product": "\\ud800"}', "half of a surrogate pair"),
        (b'{"product": %s}' % (b"9" * 5000), "more than 4,000 digits"),
    ],
)
def test_it_says_what_is_wrong_in_words_for_the_sender(client: Client, body: bytes, reason: str) -> None:
    answer = client.post(CLAIM, body, content_type="application/json")
    assert answer.status_code == 400 and reason in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["image/jpeg", "application/json", "text/plain"])
@pytest.mark.parametrize("path", ["/api/v1/inspections/", "/predict"])
def test_it_tells_a_station_which_body_to_send(client: Client, path: str, kind: str) -> None:
    _, key = create_station(create_product("plate"), "line-1")
    answer = client.post(path, b"{}", content_type=kind, headers={"Authorization": f"Api-Key {key}"})
    assert answer.status_code == 415 and "field `file`" in answer.json()["detail"]


def test_it_tells_a_script_which_body_to_send(client: Client) -> None:
    answer = client.post(CLAIM, b"{}", content_type="text/plain")
    assert answer.status_code == 415 and "Send application/json or" in answer.json()["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP, identity"])
def test_it_tells_whoever_compresses_a_body_to_send_it_as_it_is(client: Client, encoding: str) -> None:
    _, key = create_station(create_product("plate"), "line-1")
    headers = {"Authorization": f"Api-Key {key}", "Content-Encoding": encoding}
    form = {"file": SimpleUploadedFile("part.png", b"\x1f\x8b\x08")}
    image = client.post("/api/v1/inspections/", form, headers=headers)
    claim = client.post(CLAIM, b"\x1f\x8b\x08", content_type="application/json", headers={"Content-Encoding": encoding})
    for answer in (image, claim):
        assert answer.status_code == 415 and "Send the body uncompressed" in answer.json()["detail"]


def test_it_reads_a_body_whose_encoding_is_none(client: Client) -> None:
    product = make_product()
    make_part(product)
    headers = {"Content-Encoding": "identity"}
    assert client.post(CLAIM, {"product": product.slug}, "application/json", headers=headers).status_code == 200
