"""Everything that may not be taken, each with its status and code, and never a row of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from inspection.models import Inspection, StationKey
from inspection.products.stations import revoke_key
from inspection.requests import uploads
from tests.inspection import sample_images
from tests.inspection.conftest import POST_URL, Sender, error_of

BAD_IMAGES = {
    "an empty file": (b"", 400, "invalid_image"),
    "text named .jpg": (b"This is no picture.", 415, "unsupported_format"),
    "an SVG": (sample_images.SVG, 415, "unsupported_format"),
    "a GIF": (sample_images.animated_gif(), 415, "unsupported_format"),
    "half a JPEG": (sample_images.cut_jpeg(), 400, "truncated_image"),
    "a damaged PNG": (sample_images.damaged_png(), 400, "invalid_image"),
    "88 megapixels in a small PNG": (sample_images.huge_png(), 413, "too_many_pixels"),
    "an MPO": (sample_images.mpo(), 415, "unsupported_format"),
    "an animated PNG": (sample_images.animated_png(), 415, "unsupported_format"),
}


@pytest.mark.parametrize("path", [POST_URL, "/predict"])
@pytest.mark.parametrize("name", BAD_IMAGES)
def test_it_refuses(name: str, path: str, sender: Sender, settings: Any) -> None:
    content, status, code = BAD_IMAGES[name]
    assert error_of(sender.send(content, path=path)) == (status, code)
    assert not Inspection.objects.exists()
    assert not list(settings.MEDIA_ROOT.rglob("*.*")), "A refused image must leave no file."


def test_the_huge_png_is_a_small_file() -> None:
    assert len(sample_images.huge_png()) < 15_000


def test_it_refuses_an_empty_body(sender: Sender) -> None:
    response = sender.client.post(POST_URL, b"", content_type="multipart/form-data; boundary=x", headers=sender.headers)
    assert error_of(response) == (400, "invalid_image")


def test_it_refuses_a_form_without_the_file(sender: Sender) -> None:
    response = sender.client.post(POST_URL, {"part_id": "7"}, headers=sender.headers)
    assert error_of(response) == (400, "invalid_request")
    assert "file" in response.json()["fields"]


def test_it_refuses_two_files_and_a_file_that_is_text(sender: Sender) -> None:
    files = [SimpleUploadedFile(f"{n}.jpg", sample_images.jpeg()) for n in range(2)]
    assert error_of(sender.client.post(POST_URL, {"file": files}, headers=sender.headers)) == (400, "invalid_request")
    response = sender.client.post(POST_URL, {"file": "a text"}, headers=sender.headers)
    assert error_of(response) == (400, "invalid_request")


def test_it_refuses_a_body_that_is_no_form(sender: Sender) -> None:
    bare = sender.client.post(POST_URL, sample_images.jpeg(), content_type="image/jpeg", headers=sender.headers)
    assert error_of(bare) == (415, "unsupported_media_type")
    no_boundary = sender.client.post(POST_URL, b"x", content_type="multipart/form-data", headers=sender.headers)
    assert error_of(no_boundary) == (400, "invalid_request")


def test_it_refuses_a_chunked_body(sender: Sender) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    response = sender.client.post(POST_URL, headers=sender.headers, **chunked)  # type: ignore[arg-type]
    assert error_of(response) == (411, "length_required")


def test_it_refuses_a_body_that_says_it_is_too_large_without_reading_it(sender: Sender, settings: Any) -> None:
    class Unreadable:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("The body was read.")

        readline = read

    too_long = settings.MAX_IMAGE_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
    response = sender.client.generic(
        "POST",
        POST_URL,
        content_type="multipart/form-data; boundary=x",
        headers=sender.headers,
        **{"CONTENT_LENGTH": str(too_long), "wsgi.input": Unreadable()},
    )
    assert error_of(response) == (413, "file_too_large")


def test_it_stops_reading_a_file_that_grows_too_large(
    sender: Sender, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_IMAGE_BYTES = 200_000
    most = 0
    count = uploads.LimitedUploadHandler.receive_data_chunk

    def watch(self: uploads.LimitedUpload, raw_data: bytes, start: int) -> bytes:
        nonlocal most
        most = max(most, start + len(raw_data))
        return count(self, raw_data, start)

    monkeypatch.setattr(uploads.LimitedUploadHandler, "receive_data_chunk", watch)
    content = sample_images.noise(600)
    assert len(content) > 1_000_000
    assert error_of(sender.send(content)) == (413, "file_too_large")
    assert most < 400_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("part_id", "x" * 121),
        ("part_id", "a\0b"),
        ("captured_at", "yesterday"),
        ("captured_at", "9999-12-31T23:59:59-14:00"),
        ("captured_at", "0001-01-01T00:00:00+14:00"),
        ("metadata", "[1, 2]"),
        ("metadata", "{"),
        ("metadata", '"text"'),
        ("metadata", '{"a": NaN}'),
        ("metadata", '{"a": 1e999}'),
        ("metadata", '{"a": Infinity}'),
        ("metadata", '{"a": "\\u0000"}'),
        ("metadata", '{"a\\u0000": 1}'),
        ("metadata", '{"a": "\\ud800"}'),
        ("metadata", '{"a": %s}' % ("9" * 30)),
        ("metadata", '{"a": %s}' % ("9" * 5000)),
        ("metadata", '{"a": "%s"}' % ("x" * 17_000)),
        ("metadata", '{"a": ' + "[" * 7000 + "]" * 7000 + "}"),
        ("metadata", '{"a": ' + "[" * 30 + "]" * 30 + "}"),
    ],
)
def test_it_refuses_a_field_that_can_not_be_kept(name: str, value: str, sender: Sender) -> None:
    response = sender.send(**{name: value})
    assert error_of(response) == (400, "invalid_request")
    assert name in response.json()["fields"]
    assert not Inspection.objects.exists()


def test_it_refuses_a_metadata_file_that_is_no_object(sender: Sender) -> None:
    response = sender.send(metadata=SimpleUploadedFile("m.json", b"[]"))
    assert error_of(response) == (400, "invalid_request")


def test_it_refuses_a_form_with_too_many_fields(sender: Sender, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 5
    response = sender.send(**{f"f{number}": "x" for number in range(9)})
    assert error_of(response) == (400, "invalid_request")


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "gr\xfcn", "tab\there"])
def test_it_refuses_an_idempotency_key_that_can_not_be_kept(key: str, sender: Sender) -> None:
    assert error_of(sender.send(headers={"Idempotency-Key": key})) == (400, "invalid_request")


WRONG = ["", "Api-Key", "Api-Key ", "Api-Key nonsense", "Api-Key abcdefgh." + "x" * 32, "Api-Key \0.\0", "Bearer x"]


@pytest.mark.parametrize("header", WRONG)
def test_it_refuses_a_wrong_key_and_none(header: str, sender: Sender) -> None:
    headers = {"Authorization": header} if header else {}
    image = SimpleUploadedFile("part.jpg", sample_images.jpeg())
    response = Client().post(POST_URL, {"file": image}, headers=headers)
    status, code = error_of(response)
    assert status == 401
    assert code in {"not_authenticated", "authentication_failed"}
    assert response["WWW-Authenticate"] == "Api-Key"


def test_it_refuses_a_right_prefix_with_a_wrong_secret(sender: Sender) -> None:
    sender.headers = {"Authorization": f"Api-Key {sender.key[:9]}{'x' * 32}"}
    assert error_of(sender.send())[0] == 401


def test_it_refuses_a_revoked_key(sender: Sender) -> None:
    revoke_key(StationKey.objects.get())
    assert error_of(sender.send()) == (401, "authentication_failed")


def test_it_refuses_a_person_who_posts_as_a_station(viewer: Client) -> None:
    viewer.handler.enforce_csrf_checks = False
    response = viewer.post(POST_URL, {"file": SimpleUploadedFile("part.jpg", sample_images.jpeg())})
    assert error_of(response) == (403, "permission_denied")


def test_it_refuses_another_method(sender: Sender) -> None:
    assert error_of(sender.client.delete(POST_URL, headers=sender.headers)) == (405, "method_not_allowed")
    assert error_of(sender.client.get("/predict", headers=sender.headers)) == (405, "method_not_allowed")
