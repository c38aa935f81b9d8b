"""POST /api/v1/inspections/ and POST /predict: what a station gets back."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from inspection.models import Inspection, Product
from mltasks.vision.drawing.plates import PartKind
from tests.inspection.conftest import Sender
from tests.inspection.sample_images import drawn_part, encode, jpeg
from tests.tiny_model import MakeVersion

FIELDS = [
    "id", "product", "station", "part_id", "verdict", "reasons", "label", "defect_probability",
    "reconstruction_error", "anomaly_threshold", "novel_defect_suspected", "novelty", "model_version", "image_sha256",
    "captured_at", "received_at", "bit_depth", "deadline_ms", "deadline_kept", "warnings",
]  # fmt: skip
SEED_FIELDS = ["label", "defect_probability", "reconstruction_error", "anomaly_threshold", "novel_defect_suspected"]


def test_it_stores_a_part_and_sends_it_to_a_person_while_there_is_no_model(sender: Sender, settings: Any) -> None:
    response = sender.send(part_id="P-7", metadata='{"shift": 2}', captured_at="2026-01-02T03:04:05+01:00")
    assert response.status_code == 201
    body = response.json()
    assert list(body) == FIELDS
    assert (body["product"], body["station"], body["part_id"]) == ("phone-case", "line-1", "P-7")
    assert (body["verdict"], body["reasons"], body["label"]) == ("REVIEW", ["no_model"], None)
    assert [body[name] for name in [*SEED_FIELDS, "novelty"]] == [None] * 6
    assert body["image_sha256"] == hashlib.sha256(jpeg()).hexdigest()

    row = Inspection.objects.get(pk=body["id"])
    assert row.metadata == {"shift": 2}
    assert row.captured_at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert row.latency_ms is not None
    assert row.latency_ms > 0
    assert (row.image_format, row.image_bytes, row.state) == ("JPEG", len(jpeg()), "decided")
    assert (row.image_width, row.image_height) == drawn_part().size
    stored = Path(settings.MEDIA_ROOT) / row.image_name
    assert stored.read_bytes() == jpeg()
    assert stored.parent.name == row.image_sha256[:2]


def test_it_scores_with_the_champion(sender: Sender, product: Product, make_version: MakeVersion) -> None:
    version = make_version(product, champion=True)
    body = sender.send(jpeg(5, PartKind.SCRATCH)).json()
    assert body["model_version"] == version.number
    assert 0 <= body["defect_probability"] <= 1
    assert body["reconstruction_error"] > 0
    assert body["anomaly_threshold"] > 0
    assert body["novel_defect_suspected"] == (body["reconstruction_error"] > body["anomaly_threshold"])
    assert body["novelty"] == Inspection.objects.get().novelty
    assert body["novel_defect_suspected"] == (body["novelty"] > 1)
    assert body["label"] == ("FAIL" if body["defect_probability"] >= 1 / 6 else "PASS")
    assert body["verdict"] in {"PASS", "FAIL", "REVIEW"}
    assert bool(body["reasons"]) == (body["verdict"] == "REVIEW")


def test_the_next_part_is_scored_by_the_version_promoted_meanwhile(
    sender: Sender, product: Product, make_version: MakeVersion
) -> None:
    make_version(product, champion=True)
    assert sender.send().json()["model_version"] == 1
    make_version(product, champion=True)
    assert sender.send().json()["model_version"] == 2


@pytest.mark.parametrize("image_format", ["PNG", "BMP", "WEBP", "TIFF"])
def test_it_takes_every_format_of_the_contract(sender: Sender, image_format: str) -> None:
    content = encode(drawn_part(), image_format)
    body = sender.send(content).json()
    row = Inspection.objects.get(pk=body["id"])
    assert row.image_format == image_format
    picture = sender.get(f"/api/v1/inspections/{row.pk}/image/")
    assert b"".join(picture.streaming_content) == content
    assert picture["Content-Type"] == f"image/{image_format.lower()}"


def test_a_rotated_photo_is_stored_as_sent_and_its_thumbnail_is_upright(sender: Sender) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encode(drawn_part().resize((400, 200)), "JPEG", exif=exif)
    body = sender.send(content).json()
    thumbnail = sender.get(f"/api/v1/inspections/{body['id']}/thumbnail/")
    upright = Image.open(io.BytesIO(b"".join(thumbnail.streaming_content)))
    assert upright.height == 2 * upright.width


def test_predict_answers_the_five_fields_that_the_seed_had(
    sender: Sender, product: Product, make_version: MakeVersion
) -> None:
    make_version(product, champion=True)
    response = sender.send(path="/predict")
    assert response.status_code == 200
    assert list(response.json()) == SEED_FIELDS
    row = Inspection.objects.get()
    assert row.verdict is not None
    assert response.json()["defect_probability"] == row.defect_probability


def test_predict_lets_no_part_pass_that_nothing_scored(sender: Sender) -> None:
    response = sender.send(path="/predict")
    assert response.status_code == 200
    assert response.json() == {
        "label": "FAIL",
        "defect_probability": None,
        "reconstruction_error": None,
        "anomaly_threshold": None,
        "novel_defect_suspected": None,
    }
    assert Inspection.objects.get().reasons == ["no_model"]


def test_it_says_what_took_how_long(sender: Sender, product: Product, make_version: MakeVersion) -> None:
    plain = times_of(sender.send(jpeg(4)))
    assert list(plain) == ["receive", "decode", "store", "database", "total"]
    make_version(product, champion=True)
    response = sender.send(jpeg(5), headers={"Idempotency-Key": "once"})
    scored = times_of(response)
    assert list(scored) == ["receive", "decode", "store", "score", "database", "total"]
    assert all(milliseconds > 0 for milliseconds in scored.values())
    total = scored.pop("total")
    assert 0.5 * total < sum(scored.values()) <= total + 0.5
    # The answer of before: nothing is decoded again.
    again = times_of(sender.send(jpeg(5), headers={"Idempotency-Key": "once"}))
    assert list(again) == ["receive", "database", "total"]


def test_what_is_refused_says_it_too(sender: Sender) -> None:
    response = sender.send(b"no image")
    assert response.status_code in (400, 415)
    assert "decode" in times_of(response)


def times_of(response: Any) -> dict[str, float]:
    """`Server-Timing` as milliseconds by name."""
    parts = [entry.split(";dur=") for entry in response.headers["Server-Timing"].split(", ")]
    return {name: float(milliseconds) for name, milliseconds in parts}
