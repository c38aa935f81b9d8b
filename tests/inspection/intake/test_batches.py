"""Up to 64 images in one request, each answered on its own."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError

from inspection.api import throttles
from inspection.images import image_files
from inspection.intake import intake
from inspection.models import Inspection, Product
from inspection.requests.form_serializers import MAX_BATCH_IMAGES
from tests.inspection.conftest import Sender, error_of
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

URL = "/api/v1/inspections/batch/"


def send(sender: Sender, contents: Sequence[bytes], key: str = "", **fields: Any) -> Any:
    """POST images as one form."""
    files = [SimpleUploadedFile(f"{number}.jpg", one, "image/jpeg") for number, one in enumerate(contents)]
    headers = sender.headers | ({"Idempotency-Key": key} if key else {})
    return sender.client.post(URL, {"file": files, **fields}, headers=headers)


def three_images() -> list[bytes]:
    """Three different pictures."""
    return [jpeg(grey) for grey in (40, 90, 160)]


def test_each_image_is_stored_scored_and_answered(sender: Sender, product: Product, make_version: MakeVersion) -> None:
    make_version(product, champion=True)
    said = [{"part_id": "A-1", "metadata": {"lot": 7}}, {}, {"captured_at": "2026-11-26T08:00:00Z"}]

    answer = send(sender, three_images(), parts=json.dumps(said))

    assert answer.status_code == 200, answer.content
    results = answer.json()["results"]
    assert [(one["file"], one["status"]) for one in results] == [("0.jpg", 201), ("1.jpg", 201), ("2.jpg", 201)]
    assert "score;dur=" in answer["Server-Timing"]
    rows = [Inspection.objects.get(pk=one["inspection"]["id"]) for one in results]
    assert [row.image_sha256 for row in rows] == [image_files.stream_sha256(io.BytesIO(one)) for one in three_images()]
    assert all(image_files.image_path(row).read_bytes() == one for row, one in zip(rows, three_images(), strict=True))
    assert (rows[0].part_id, rows[0].metadata) == ("A-1", {"lot": 7})
    assert rows[2].captured_at is not None and rows[2].captured_at.hour == 8
    assert all(row.verdict and row.defect_probability is not None for row in rows)


def test_a_bad_image_fails_alone(sender: Sender, settings: Any) -> None:
    good, other, _ = three_images()
    settings.MAX_IMAGE_BYTES = max(len(good), len(other))
    answer = send(sender, [good, b"no image", other[:-200], bytes(settings.MAX_IMAGE_BYTES + 1), other])

    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201, 415, 400, 413, 201]
    assert [one["error"]["code"] for one in results if "error" in one] == [
        "unsupported_format",
        "truncated_image",
        "file_too_large",
    ]
    assert Inspection.objects.count() == 2


def test_the_same_batch_again_finds_its_answers(sender: Sender) -> None:
    first = send(sender, three_images(), key="shift-1")
    repeated = send(sender, three_images(), key="shift-1")
    results = [answer.json()["results"] for answer in (first, repeated)]
    assert [[one.pop("replayed") for one in result] for result in results] == [[False] * 3, [True] * 3]
    assert results[0] == results[1]
    assert Inspection.objects.count() == 3
    assert "Idempotency-Replayed" not in first.headers and repeated["Idempotency-Replayed"] == "true"

    changed = send(sender, [*three_images()[:2], jpeg(200)], key="shift-1")
    results = changed.json()["results"]
    assert [(one["status"], one.get("replayed")) for one in results] == [(201, True), (201, True), (422, None)]
    assert results[2]["error"]["code"] == "idempotency_mismatch"
    assert "Idempotency-Replayed" not in changed.headers


def test_what_follows_a_lost_database_is_told_and_not_tried(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, calls = intake.insert_part, []

    def goes_away(*args: Any, **fields: Any) -> Inspection:
        calls.append(args)
        if len(calls) == 2:
            raise OperationalError("server closed the connection on host db-7")
        return insert(*args, **fields)

    monkeypatch.setattr(intake, "insert_part", goes_away)
    answer = send(sender, three_images())

    results = answer.json()["results"]
    assert [one["status"] for one in results] == [201, 503, 503] and len(calls) == 2
    assert {one["retry_after"] for one in results[1:]} == {5} and "db-7" not in answer.content.decode()
    assert Inspection.objects.count() == 1


def test_its_images_count_towards_the_rate(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles.StationThrottle, "THROTTLE_RATES", {"station": "3/minute"})
    assert send(sender, three_images()).status_code == 200
    assert error_of(sender.send()) == (429, "throttled")


@pytest.mark.parametrize("count", [0, MAX_BATCH_IMAGES + 1])
def test_it_takes_1_to_64_images(sender: Sender, count: int) -> None:
    answer = send(sender, [jpeg()] * count, parts="[]")
    assert error_of(answer) == (400, "invalid_request") and str(count) in answer.json()["detail"]
    assert not Inspection.objects.exists()


@pytest.mark.parametrize(
    "parts", ["no json", "{}", "[{}]", "[1, 2, 3]", "[" * 5000, json.dumps([{}, {}, {"part_id": "x" * 121}])]
)
def test_it_refuses_what_is_said_wrongly(sender: Sender, parts: str) -> None:
    assert error_of(send(sender, three_images(), parts=parts)) == (400, "invalid_request")
    assert not Inspection.objects.exists()


def test_metadata_inside_is_held_to_the_same_rules(sender: Sender) -> None:
    answer = send(sender, three_images(), parts=json.dumps([{"metadata": {"n": 2**70}}, {}, {}]))
    assert error_of(answer) == (400, "invalid_request") and "64 bits" in answer.content.decode()


def test_it_refuses_more_bytes_than_a_batch_may_have(sender: Sender, settings: Any) -> None:
    settings.MAX_BATCH_BYTES = 4_000
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    assert error_of(send(sender, three_images())) == (413, "file_too_large")


def test_a_key_has_room_for_the_numbers(sender: Sender) -> None:
    assert error_of(send(sender, three_images(), key="k" * 197)) == (400, "invalid_request")
    assert send(sender, three_images(), key="k" * 196).status_code == 200


def test_only_stations_send(sender: Sender) -> None:
    assert sender.client.post(URL, {}).status_code == 401
    assert sender.client.get(URL, headers=sender.headers).status_code == 405
