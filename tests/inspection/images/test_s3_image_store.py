"""Images in a bucket: there before their rows, at hand on every machine, and never half of anything."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest

from inspection.images import image_files, image_removal, thumbnail_queue
from inspection.images.image_removal import FreedSpace
from inspection.intake import intake
from inspection.models import Inspection, Product, Verdict
from inspection.refusals import DiskFull
from mltasks.storage import version_store
from tests.inspection.conftest import POST_URL, Sender, error_of
from tests.inspection.sample_images import jpeg
from tests.s3 import SharedBucket
from tests.tiny_model import MakeVersion

pytestmark = [pytest.mark.usefixtures("bucket"), pytest.mark.slow]


def list_files(folder: Any) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def content_of(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_an_image_is_in_the_bucket_before_its_row(
    sender: Sender, bucket: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: list[str] = []
    insert = intake.insert_part

    def watched(submission: Any, stored: image_files.StoredImage, header: Any, **fields: Any) -> Inspection:
        there.append(bucket.sha256(stored.name))
        return insert(submission, stored, header, **fields)

    monkeypatch.setattr(intake, "insert_part", watched)
    assert sender.send().status_code == 201
    row = Inspection.objects.get()
    assert there == [row.image_sha256] == [hashlib.sha256(jpeg()).hexdigest()]
    assert bucket.names() == [row.image_name]


def test_only_its_thumbnail_lies_on_the_machine_that_took_it(sender: Sender, settings: Any) -> None:
    sender.send()
    thumbnail_queue.background_thumbnails.drain()
    assert [path.parent.parent.name for path in list_files(settings.MEDIA_CACHE_DIR)] == ["thumbs"]
    assert not list_files(settings.MEDIA_ROOT)


def test_another_machine_shows_it(sender: Sender, bucket: SharedBucket, settings: Any) -> None:
    url = f"{POST_URL}{sender.send().json()['id']}/"
    bucket.switch_machine()
    assert content_of(sender.get(f"{url}image/")) == jpeg()
    assert content_of(sender.get(f"{url}thumbnail/")).startswith(b"\xff\xd8")
    cached = sorted(path.parent.parent.name for path in list_files(settings.MEDIA_CACHE_DIR))
    assert cached == ["images", "thumbs"]
    bucket.make_unreachable()
    assert content_of(sender.get(f"{url}image/")) == jpeg(), "It is fetched once."


def test_another_machine_scores_with_a_version_it_had_to_fetch(
    sender: Sender, product: Product, make_version: MakeVersion, bucket: SharedBucket
) -> None:
    version = make_version(product, champion=True)
    version_store.publish(version.bundle)
    bucket.switch_machine()
    assert not version.path.exists()
    body = sender.send().json()
    assert body["model_version"] == version.number
    assert body["label"] in (Verdict.PASS, Verdict.FAIL)
    assert version.path.is_dir()


def test_the_same_bytes_are_put_once_and_a_cut_object_again(bucket: SharedBucket) -> None:
    name = image_files.store(io.BytesIO(b"some bytes"), "PNG").name
    bucket.write(name, b"other byte")  # of the same size: only a second look at the content could tell
    image_files.store(io.BytesIO(b"some bytes"), "PNG")
    assert bucket.read(name) == b"other byte"
    bucket.write(name, b"some")
    image_files.store(io.BytesIO(b"some bytes"), "PNG")
    assert bucket.read(name) == b"some bytes"


@pytest.mark.parametrize("damage", [SharedBucket.remove, lambda bucket, name: bucket.write(name, jpeg(2))])
def test_a_lost_or_damaged_object_is_no_image(damage: Any, sender: Sender, bucket: SharedBucket, settings: Any) -> None:
    url = f"{POST_URL}{sender.send().json()['id']}/"
    damage(bucket, Inspection.objects.get().image_name)
    bucket.switch_machine()
    assert error_of(sender.get(f"{url}image/")) == (404, "image_missing")
    assert error_of(sender.get(f"{url}thumbnail/")) == (404, "image_missing")
    assert not list_files(settings.MEDIA_CACHE_DIR), "What is damaged is never kept."


def test_a_store_that_is_away_takes_nothing_and_says_when_to_come_back(sender: Sender, bucket: SharedBucket) -> None:
    key = {"Idempotency-Key": "shot-1"}
    bucket.make_unreachable()
    response = sender.send(headers=key)
    assert error_of(response) == (503, "store_unavailable")
    assert response["Retry-After"] == "5"
    assert not Inspection.objects.exists()
    bucket.make_reachable()
    assert sender.send(headers=key).status_code == 201
    assert Inspection.objects.get().image_name in bucket.names()


def test_reading_from_a_store_that_is_away_can_be_tried_again(sender: Sender, bucket: SharedBucket) -> None:
    url = f"{POST_URL}{sender.send().json()['id']}/"
    bucket.switch_machine()
    bucket.make_unreachable()
    response = sender.get(f"{url}image/")
    assert error_of(response) == (503, "store_unavailable")
    assert response["Retry-After"] == "5"


def test_a_bucket_that_nobody_made_takes_nothing(sender: Sender, bucket: SharedBucket) -> None:
    bucket.name = "look-nobody-made-this"
    bucket.make_reachable()
    assert error_of(sender.send()) == (503, "store_unavailable")
    assert not Inspection.objects.exists()


def test_a_full_cache_refuses_no_image(sender: Sender, settings: Any) -> None:
    settings.MIN_FREE_DISK_BYTES = 1 << 60
    assert sender.send().status_code == 201
    with pytest.raises(DiskFull):
        image_files.ensure_thumbnail(Inspection.objects.get())


def test_what_no_row_names_leaves_the_bucket(
    sender: Sender, bucket: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.send()
    named, orphan = Inspection.objects.get().image_name, f"images/ab/{'ab' * 32}.png"
    bucket.write(orphan, b"12345")
    bucket.write("images/ab/notes.txt", b"not ours")

    assert image_removal.clean_folder(0xAB) == FreedSpace(), "It may be on its way into the database."
    monkeypatch.setattr(image_removal, "MIN_AGE_SECONDS", -60.0)
    assert image_removal.clean_folder(0xAB, dry_run=True) == FreedSpace(1, 5)
    swept = sum((image_removal.clean_folder(number) for number in range(image_removal.FOLDER_COUNT)), FreedSpace())

    assert swept == FreedSpace(1, 5) and sorted(bucket.names()) == sorted([named, "images/ab/notes.txt"])


def test_an_image_removed_a_moment_ago_is_put_again(
    sender: Sender, bucket: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    exists = image_files.exists

    def after_a_removal(stored: image_files.StoredImage) -> bool:
        bucket.remove(stored.name)
        return exists(stored)

    monkeypatch.setattr(image_files, "exists", after_a_removal)
    assert sender.send().status_code == 201
    assert bucket.sha256(Inspection.objects.get().image_name) == hashlib.sha256(jpeg()).hexdigest()
