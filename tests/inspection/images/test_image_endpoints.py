"""The three pictures of an inspection: image, thumbnail, heatmap."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inspection.images import image_files
from inspection.models import Inspection, Product, Station
from mltasks.vision.drawing.plates import PartKind
from tests.inspection.conftest import POST_URL, Sender, error_of
from tests.inspection.sample_images import drawn_part, encode, jpeg
from tests.tiny_model import MakeVersion


@pytest.fixture
def url(sender: Sender) -> str:
    return f"{POST_URL}{sender.send().json()['id']}/"


def read_image(response: Any) -> Image.Image:
    assert response.status_code == 200, response.content
    return Image.open(io.BytesIO(b"".join(response.streaming_content)))


def test_the_image_is_what_was_sent(sender: Sender, url: str) -> None:
    response = sender.get(f"{url}image/")
    assert b"".join(response.streaming_content) == jpeg()
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Disposition"].startswith("inline")
    assert int(response["Content-Length"]) == len(jpeg())


@pytest.mark.parametrize("below", ["image/", "thumbnail/"])
def test_a_client_that_has_it_gets_no_second_copy(below: str, sender: Sender, url: str) -> None:
    etag = sender.get(url + below)["ETag"]
    response = sender.get(url + below, headers={"If-None-Match": etag})
    assert (response.status_code, response.content) == (304, b"")


def test_a_browser_gets_a_tiff_as_png_and_others_the_tiff(sender: Sender) -> None:
    content = encode(drawn_part(), "TIFF")
    url = f"{POST_URL}{sender.send(content).json()['id']}/image/"
    assert read_image(sender.get(url)).format == "TIFF"
    shown = read_image(sender.get(f"{url}?for=browser"))
    assert shown.format == "PNG"
    assert np.array_equal(np.asarray(shown), np.asarray(drawn_part()))
    jpeg_url = f"{POST_URL}{sender.send().json()['id']}/image/?for=browser"
    assert read_image(sender.get(jpeg_url)).format == "JPEG"


@pytest.mark.parametrize("accept", ["image/*", "image/avif,image/webp", "text/html"])
def test_it_is_shown_whatever_the_browser_prefers(accept: str, sender: Sender, url: str) -> None:
    assert read_image(sender.get(f"{url}image/", headers={"Accept": accept})).format == "JPEG"


def test_the_thumbnail_is_small_and_whole(sender: Sender, url: str) -> None:
    small, large = read_image(sender.get(f"{url}thumbnail/")), drawn_part()
    assert max(small.size) <= 320
    assert small.width / small.height == pytest.approx(large.width / large.height, abs=0.02)


def test_a_version_that_wants_small_images_does_not_blur_the_thumbnail(
    sender: Sender, product: Product, make_version: MakeVersion
) -> None:
    make_version(product, champion=True)  # 64 × 64: a JPEG is decoded at a fraction of its size for it
    content = encode(drawn_part().resize((1000, 1600)), "JPEG")
    small = read_image(sender.get(f"{POST_URL}{sender.send(content).json()['id']}/thumbnail/"))
    assert small.size == (200, 320)


def test_it_refuses_when_the_file_is_gone(sender: Sender, url: str) -> None:
    image_files.image_path(Inspection.objects.get()).unlink()
    assert error_of(sender.get(f"{url}image/")) == (404, "image_missing")


def test_it_refuses_a_heatmap_of_what_nothing_scored(sender: Sender, url: str) -> None:
    assert error_of(sender.get(f"{url}heatmap/")) == (404, "no_heatmap")


def test_the_heatmap_lies_over_the_stations_region(
    sender: Sender, station: Station, product: Product, make_version: MakeVersion
) -> None:
    make_version(product, champion=True)
    Station.objects.update(roi="20,30,160,120")
    content = encode(drawn_part(7, PartKind.EXCESS), "PNG")
    url = f"{POST_URL}{sender.send(content).json()['id']}/heatmap/"
    shown = read_image(sender.get(url))
    assert (shown.format, shown.size) == ("PNG", (160, 120))
    both, evidence, anomaly = (np.asarray(read_image(sender.get(f"{url}?kind={kind}"))) for kind in KINDS)
    assert np.array_equal(np.asarray(shown), both)
    region = np.asarray(drawn_part(7, PartKind.EXCESS).crop((20, 30, 180, 150)))
    changed = [np.any(layer != region, axis=2).mean() for layer in (evidence, anomaly)]
    assert max(changed) > 0, "At least one map must say something of a part with excess material."
    assert error_of(sender.get(f"{url}?kind=magic")) == (400, "invalid_request")


KINDS = ("both", "evidence", "anomaly")


def test_the_heatmap_is_that_of_the_version_that_scored_it(
    sender: Sender, product: Product, make_version: MakeVersion
) -> None:
    first = make_version(product, champion=True)
    url = f"{POST_URL}{sender.send().json()['id']}/heatmap/"
    make_version(product, champion=True)
    assert first.sha256 in sender.get(url)["ETag"]


def test_it_refuses_a_heatmap_when_the_versions_files_are_gone(
    sender: Sender, product: Product, make_version: MakeVersion
) -> None:
    version = make_version(product, champion=True)
    row = Inspection.objects.get(pk=sender.send().json()["id"])
    other = make_version(product)
    # A version that this process never loaded.
    Inspection.objects.create(
        product=product, model_version=other, image_name=row.image_name, image_sha256=row.image_sha256,
        image_format="JPEG", image_width=1, image_height=1, image_bytes=1,
    )  # fmt: skip
    (other.path / "serving.xml").unlink()
    lost = Inspection.objects.get(model_version=other)
    assert error_of(sender.get(f"{POST_URL}{lost.pk}/heatmap/")) == (404, "no_heatmap")
    assert version.path.exists()
