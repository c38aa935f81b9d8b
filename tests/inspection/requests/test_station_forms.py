"""Forms as browsers, generated clients and cameras send them: every field is read, or refused by its name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from inspection.models import Inspection
from tests.inspection.conftest import POST_URL, Sender, error_of
from tests.inspection.forms import BOUNDARY, file_field, image_field, post_form, text_field
from tests.inspection.sample_images import jpeg

BATCH = f"{POST_URL}batch/"
NAMELESS = (b'Content-Disposition: form-data; nam="part_id"', b"A-1")
DOORS = [POST_URL, BATCH, "/predict"]


def test_it_reads_the_parts_of_a_batch_from_a_blob(sender: Sender) -> None:
    said = json.dumps([{"part_id": "A-1", "metadata": {"lot": 7}}, {"part_id": "A-2"}])
    answer = post_form(sender, file_field("parts", said), image_field(), image_field(content=jpeg(90)), path=BATCH)
    ids = [one["inspection"]["part_id"] for one in answer.json()["results"]]
    assert (answer.status_code, ids) == (200, ["A-1", "A-2"])
    assert Inspection.objects.get(part_id="A-1").metadata == {"lot": 7}


def test_it_reads_every_field_of_a_part_from_a_blob(sender: Sender) -> None:
    moment = file_field("captured_at", "2026-01-01T00:00:00Z", kind="text/plain")
    answer = post_form(
        sender, image_field(), file_field("metadata", b'\xef\xbb\xbf{"lot": 7}'), file_field("part_id", "A-1"), moment
    )
    assert answer.status_code == 201, answer.content
    row = Inspection.objects.get()
    assert (row.part_id, row.metadata, str(row.captured_at)) == ("A-1", {"lot": 7}, "2026-01-01 00:00:00+00:00")


@pytest.mark.parametrize(
    "field", [text_field("partId", "A-1"), file_field("partId", "A-1"), image_field(name="image"), NAMELESS]
)
@pytest.mark.parametrize("path", DOORS)
def test_it_refuses_unknown_fields(sender: Sender, path: str, field: tuple[bytes, bytes]) -> None:
    answer = post_form(sender, image_field(), field, path=path)
    assert error_of(answer) == (400, "unknown_field")
    detail = answer.json()["detail"]
    assert "`file`" in detail and any(name in detail for name in ("`partId`", "`image`", "``"))
    assert ("`part_id`" in detail) == (path == POST_URL) and ("`parts`" in detail) == (path == BATCH)
    assert not Inspection.objects.exists()


@pytest.mark.parametrize("item", [{"partid": "A-1"}, {"part_id": "A-1", "file": "a.jpg"}, {"Metadata": {}}])
def test_it_refuses_unknown_names_within_a_batch(sender: Sender, item: dict[str, Any]) -> None:
    answer = post_form(sender, image_field(), text_field("parts", json.dumps([item])), path=BATCH)
    assert error_of(answer) == (400, "unknown_field")
    assert "`captured_at`, `metadata`, `part_id`" in answer.json()["detail"]


@pytest.mark.parametrize(("path", "name"), [(POST_URL, "part_id"), (BATCH, "parts"), ("/predict", "file")])
def test_it_refuses_fields_in_the_address(sender: Sender, path: str, name: str) -> None:
    answer = post_form(sender, image_field(), path=f"{path}?{name}=A-1")
    assert error_of(answer) == (400, "unknown_field") and f"`{name}`" in answer.json()["detail"]


NAMES = {
    "UTF-8": ('filename="Prüf 部品.jpg"'.encode(), "Prüf 部品.jpg"),
    "Latin-1": (b'filename="Pr\xfcfteil.jpg"', r"Pr\xfcfteil.jpg"),
    "cp932": ('filename="部品.jpg"'.encode("cp932"), r"\x95\x94\x95i.jpg"),
    "cp932 with a backslash": ('filename="表示.jpg"'.encode("cp932"), r"\x95\x5c\x8e\xa6.jpg"),
    "cp932 with a backslash at its end": ('filename="表"'.encode("cp932"), r"\x95\x5c"),
    "GBK": ('filename="零件.jpg"'.encode("gbk"), r"\xc1\xe3\xbc\xfe.jpg"),
    "RFC 5987": (b"filename*=UTF-8''Pr%C3%BCfteil.jpg", "Prüfteil.jpg"),
    "RFC 5987 beside a plain one": (b"filename=\"Pruef.jpg\"; filename*=UTF-8''Pr%C3%BCf.jpg", "Prüf.jpg"),
    "RFC 5987 in Latin-1": (b"filename*=iso-8859-1''Pr%FCf.jpg", "Prüf.jpg"),
    "RFC 5987 in no charset": (b"filename*=no-such''a.jpg", "a.jpg"),
    "RFC 5987 in a charset that fails": (b"filename*=idna''%ff.jpg", "image"),
    "a path": (rb'filename="C:\images\part.jpg"', "part.jpg"),
    "only a folder": (b'filename=".."', "image"),
    "control characters": (b'filename="a\x07\x1b[31m.jpg"', "a[31m.jpg"),
    "no quotes": (b"filename=part.jpg", "part.jpg"),
}


@pytest.mark.parametrize("name", NAMES)
def test_it_takes_an_image_under_any_file_name(sender: Sender, name: str) -> None:
    filename, title = NAMES[name]
    answer = post_form(sender, image_field(filename), text_field("part_id", "A-1"))
    assert answer.status_code == 201, answer.content
    row = Inspection.objects.get()
    assert (row.part_id, row.image_sha256) == ("A-1", answer.json()["image_sha256"])
    assert row.original_filename == title


def test_it_refuses_a_head_that_has_no_meaning(sender: Sender) -> None:
    answer = post_form(sender, image_field(b"filename*0*=UTF-8''a; filename*=UTF-8''b"))
    assert error_of(answer) == (400, "invalid_request")


def test_one_odd_name_costs_a_batch_nothing(sender: Sender) -> None:
    others = [image_field(content=jpeg(40)), image_field(content=jpeg(90))]
    answer = post_form(sender, others[0], image_field(b'filename="Pr\xfcfteil.jpg"'), others[1], path=BATCH)
    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201] * 3 and results[1]["file"] == r"Pr\xfcfteil.jpg"


@pytest.mark.parametrize("field", [text_field, file_field])
@pytest.mark.parametrize("value", ["Prüf".encode("latin-1"), "部品".encode("cp932"), b"\xff\xfeA\x00", b"\xed\xa0\x80"])
def test_it_refuses_text_that_is_not_utf8(sender: Sender, field: Any, value: bytes) -> None:
    answer = post_form(sender, image_field(), field("part_id", value))
    assert error_of(answer) == (400, "invalid_encoding") and "`part_id`" in answer.json()["detail"]
    batch = post_form(sender, image_field(), field("parts", b'[{"part_id": "' + value + b'"}]'), path=BATCH)
    assert error_of(batch) == (400, "invalid_encoding") and "`parts`" in batch.json()["detail"]
    assert not Inspection.objects.exists()


@pytest.mark.parametrize("path", [POST_URL, "/predict"])
def test_it_refuses_two_photos_and_names_the_batch(sender: Sender, path: str) -> None:
    answer = post_form(sender, image_field(content=jpeg(40)), image_field(content=jpeg(90)), path=path)
    assert error_of(answer) == (400, "invalid_request") and BATCH in answer.json()["detail"]
    assert not Inspection.objects.exists()


@pytest.mark.parametrize(
    "second", [text_field("part_id", "B-2"), file_field("part_id", "B-2"), text_field("part_id", "A-1")]
)
def test_it_refuses_a_field_that_comes_twice(sender: Sender, second: tuple[bytes, bytes]) -> None:
    answer = post_form(sender, image_field(), text_field("part_id", "A-1"), second)
    assert error_of(answer) == (400, "invalid_request") and "`part_id`" in answer.json()["detail"]


HOSTILE = {
    "a list": "[1]",
    "a text": '"x"',
    "a number": "1",
    "null": "null",
    "NaN": '{"a": NaN}',
    "50,000 levels": '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "50,000 levels of objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "a name twice": '{"lot": 7, "lot": 8}',
    "a name twice inside": '{"a": [{"lot": 7, "lot": 8}]}',
    "many digits": '{"a": ' + "9" * 20_000 + "}",
    "a megabyte": '{"a": "' + "x" * (1 << 20) + '"}',
    "half a megabyte": '{"a": "' + "x" * (1 << 19) + '"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_refuses_hostile_metadata(sender: Sender, name: str) -> None:
    for field in (text_field, file_field):
        answer = post_form(sender, image_field(), field("metadata", HOSTILE[name]))
        assert error_of(answer) == (400, "invalid_request")
    inside = f'[{{"metadata": {HOSTILE[name]}}}]'
    assert error_of(post_form(sender, image_field(), text_field("parts", inside), path=BATCH)) == (
        400,
        "invalid_request",
    )
    assert not Inspection.objects.exists()


@pytest.mark.parametrize("value", ["a\0b", "a\nb", "a\r\nb", "a\tb", "\x1b[0m", "a\x7fb"])
def test_it_refuses_control_characters_in_a_part_id(sender: Sender, value: str) -> None:
    assert error_of(post_form(sender, image_field(), text_field("part_id", value))) == (400, "invalid_request")
    inside = json.dumps([{"part_id": value}])
    assert error_of(post_form(sender, image_field(), text_field("parts", inside), path=BATCH)) == (
        400,
        "invalid_request",
    )
    assert not Inspection.objects.exists()


@pytest.mark.parametrize("item", [{"part_id": ["A"]}, {"part_id": {}}, {"part_id": True}, {"part_id": 1.10}, None])
def test_it_refuses_a_part_id_that_is_no_text(sender: Sender, item: Any) -> None:
    answer = post_form(
        sender, image_field(), image_field(content=jpeg(90)), text_field("parts", json.dumps([{}, item])), path=BATCH
    )
    assert error_of(answer) == (400, "invalid_request")
    assert "parts[1]" in answer.json()["detail"]


def test_it_refuses_half_a_character_in_a_part_id(sender: Sender) -> None:
    answer = post_form(sender, image_field(), text_field("parts", '[{"part_id": "\\ud800"}]'), path=BATCH)
    assert error_of(answer) == (400, "invalid_request")


def test_a_backslash_before_a_code_is_a_backslash(sender: Sender) -> None:
    answer = post_form(sender, image_field(), text_field("metadata", r'{"folder": "C:\\u0000", "other": "C:\\udir"}'))
    assert answer.status_code == 201, answer.content
    assert Inspection.objects.get().metadata == {"folder": r"C:\u0000", "other": r"C:\udir"}


def test_it_reads_a_form_whose_type_is_in_capitals(sender: Sender) -> None:
    head, content = image_field()
    body = f"--{BOUNDARY}\r\n".encode() + head + b"\r\n\r\n" + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"Multipart/Form-Data; Boundary={BOUNDARY}"
    assert sender.client.post(POST_URL, body, content_type=kind, headers=sender.headers).status_code == 201


def test_the_line_end_of_a_code_reader_is_left_out(sender: Sender) -> None:
    assert post_form(sender, image_field(), text_field("part_id", "A-1\r\n")).json()["part_id"] == "A-1"


def test_it_reads_an_image_in_base64(sender: Sender) -> None:
    head, content = image_field()
    lines = base64.encodebytes(content).replace(b"\n", b"\r\n")
    answer = post_form(sender, (head + b"\r\nContent-Transfer-Encoding: base64", lines))
    assert answer.status_code == 201
    broken = post_form(sender, (head + b"\r\nContent-Transfer-Encoding: base64", lines[:101]))
    assert error_of(broken) == (400, "invalid_request")
