"""Cameras of 10, 12 and 14 bits: a station's depth follows its images, and each image keeps the one it was read by."""

from __future__ import annotations

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from django.db import connection
from PIL import Image

from inspection.images import image_files, thumbnail_queue
from inspection.models import Inspection, Station
from inspection.products.station_bit_depths import StationBitDepth
from inspection.scoring import near_duplicates, score_recovery
from mltasks.vision.data.decoding import decode
from tests.inspection.conftest import Receive, Sender
from tests.inspection.sample_images import drawn_part, encode
from tests.inspection.scoring.conftest import make_scripted_champion as make_scripted_champion
from tests.inspection.scoring.scripted_scorer import ScriptedScorer, scores


def frame(bits: int, image_format: str = "PNG", peak: int = 255) -> bytes:
    """A part as a camera of so many bits writes it, in 16; its brightest value is ``peak`` of 255."""
    grey = np.asarray(drawn_part().convert("L")).astype(np.uint32)
    grey = grey * peak // grey.max()
    return encode(Image.fromarray((grey << (bits - 8)).astype(np.uint16)), image_format)


def eight_bit_pixels(size: Any = None) -> np.ndarray:
    grey = np.asarray(drawn_part().convert("L")).astype(np.uint32)
    return decode(io.BytesIO(encode(Image.fromarray((grey * 255 // grey.max()).astype(np.uint8)), "PNG")), size=size)


def thumbnail_of(row: Inspection) -> np.ndarray:
    thumbnail_queue.background_thumbnails.drain()
    return np.asarray(Image.open(image_files.ensure_thumbnail(row)))


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_a_camera_of_few_bits_is_as_bright_as_one_of_eight(
    bits: int, image_format: str, make_scripted_champion: Any, sender: Sender
) -> None:
    scorer = make_scripted_champion(scores(0.01))

    body = sender.send(frame(bits, image_format)).json()

    assert (body["bit_depth"], body["warnings"]) == (bits, [])
    assert Station.objects.get().bit_depth == bits
    assert np.abs(scorer.images[0].astype(int) - eight_bit_pixels(ScriptedScorer.input_size)).max() <= 1
    assert thumbnail_of(Inspection.objects.get()).max() > 240


def test_an_image_above_widens_the_depth_with_a_warning(sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
    first = sender.send(frame(12, peak=60)).json()
    with caplog.at_level(logging.WARNING):
        second = sender.send(frame(12), headers={"Idempotency-Key": "one"}).json()
    third = sender.send(frame(12, peak=60)).json()

    assert [first["bit_depth"], second["bit_depth"], third["bit_depth"]] == [10, 12, 12]
    assert "from 10 to 12" in second["warnings"][0]
    assert "from 10 to 12" in caplog.text
    assert third["warnings"] == first["warnings"] == []
    repeated = sender.send(frame(12), headers={"Idempotency-Key": "one"}).json()
    assert (repeated["warnings"], repeated["bit_depth"]) == (second["warnings"], 12)


def test_images_of_eight_bits_have_none(sender: Sender) -> None:
    body = sender.send().json()

    assert (body["bit_depth"], body["warnings"]) == (None, [])
    assert Station.objects.get().bit_depth is None


def test_what_a_file_states_counts_and_settles_nothing(sender: Sender) -> None:
    values = (np.asarray(drawn_part().convert("L")).astype(np.uint16) << 4) >> 3
    stated = encode(Image.fromarray(values), "TIFF", tiffinfo={281: 4095})

    assert sender.send(stated).json()["bit_depth"] == 12
    assert Station.objects.get().bit_depth is None


def test_a_person_sets_the_depth_for_the_images_to_come(sender: Sender) -> None:
    sender.send(frame(12))
    Station.objects.update(bit_depth=16)

    body = sender.send(frame(12)).json()

    assert body["bit_depth"] == 16
    dark, bright = Inspection.objects.order_by("bit_depth").reverse()
    assert thumbnail_of(dark).max() < 20 < 240 < thumbnail_of(bright).max()


def test_the_same_bytes_have_a_thumbnail_for_each_depth_and_all_are_removed(sender: Sender, settings: Any) -> None:
    for depth in (12, 16):
        Station.objects.update(bit_depth=depth)
        sender.send(frame(12))
    for row in Inspection.objects.all():
        thumbnail_of(row)
    assert len(list(settings.MEDIA_ROOT.rglob("thumbs/*/*.jpg"))) == 2

    freed = image_files.remove_image(row.image_name, row.image_sha256)

    assert freed > row.image_bytes
    assert not list(settings.MEDIA_ROOT.rglob("*.*"))


def test_a_part_that_a_crash_left_behind_is_read_by_its_own_depth(
    make_scripted_champion: Any, receive: Receive
) -> None:
    scorer = make_scripted_champion(scores(0.01), scores(0.01))
    row = receive(frame(12))
    Station.objects.update(bit_depth=14)
    names = ("image_name", "image_sha256", "image_format", "image_width", "image_height", "image_bytes", "bit_depth")
    Inspection.objects.create(product=row.product, station=row.station, **{name: getattr(row, name) for name in names})

    assert score_recovery.recover_scoring() == 1

    assert np.array_equal(scorer.images[0], scorer.images[1])


def test_fingerprints_are_taken_by_the_same_depth(receive: Receive) -> None:
    row = receive(frame(12))
    taken, plain = (
        near_duplicates._compute_fingerprint(row),
        near_duplicates._compute_fingerprint(receive(encode(drawn_part().convert("L"), "PNG"))),
    )

    assert taken is not None and plain is not None
    assert np.abs(taken.texture.astype(float) - plain.texture.astype(float)).mean() < 0.1


def test_a_dashboards_upload_is_read_by_the_widest_of_the_stations(receive: Receive, station: Station) -> None:
    Station.objects.update(bit_depth=12)

    row = receive(frame(12, peak=60), product=station.product)

    assert row.bit_depth == 12


def test_browsers_get_eight_bits(receive: Receive, sender: Sender) -> None:
    row = receive(frame(12))
    clear = drawn_part().copy()
    clear.putalpha(0)
    transparent = receive(encode(clear, "PNG"))

    for part, shown in ((row, eight_bit_pixels()), (transparent, np.asarray(drawn_part()))):
        answer = sender.get(f"/api/v1/inspections/{part.pk}/image/?for=browser")
        image = Image.open(io.BytesIO(b"".join(answer.streaming_content)))
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert np.abs(np.asarray(image).astype(int) - shown).max() <= 1
        sent = sender.get(f"/api/v1/inspections/{part.pk}/image/")
        assert len(b"".join(sent.streaming_content)) == part.image_bytes


@pytest.mark.django_db(transaction=True)
def test_of_two_images_at_once_the_larger_need_stays(sender: Sender) -> None:
    Station.objects.update(bit_depth=10)

    def settle(needed: int) -> int:
        try:
            return StationBitDepth(stations[needed])(needed)
        finally:
            connection.close()

    for _ in range(5):
        Station.objects.update(bit_depth=10)
        stations = {needed: Station.objects.get() for needed in (12, 14, 16)}
        with ThreadPoolExecutor(3) as threads:
            depths = list(threads.map(settle, (12, 16, 14)))
        assert Station.objects.get().bit_depth == 16
        assert all(depth >= needed for depth, needed in zip(depths, (12, 16, 14), strict=True))
