"""What a machine keeps of a shared store: what it used last, and what a training holds whatever else is removed."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mltasks.models import RegisteredModel
from mltasks.snapshots.snapshots import SnapshotDamaged, freeze, local_samples
from mltasks.storage import file_cache, object_store, scratch_folders
from mltasks.storage.store_errors import StoredFileDamaged, StoreUnreachable
from mltasks.vision.data.duplicate_groups import file_group
from mltasks.vision.types import Sample
from tests.s3 import SharedBucket
from tests.tiny_model import PLAIN_CONFIG, labeled_samples


def put_image(bucket: SharedBucket, content: bytes) -> tuple[str, str]:
    """An image of the bucket: its name and sha256."""
    sha256 = hashlib.sha256(content).hexdigest()
    name = f"images/{sha256[:2]}/{sha256}.png"
    bucket.write(name, content)
    return name, sha256


def set_last_used(path: Path, seconds_ago: float) -> None:
    then = time.time() - seconds_ago
    os.utime(path, (then, then))


def stored_samples(bucket: SharedBucket) -> list[Sample]:
    """The drawn parts as images of the bucket alone."""
    samples = labeled_samples()
    for sample in samples:
        bucket.write(f"trained/{sample.path.name}", sample.path.read_bytes())
    bucket.switch_machine()
    return [replace(sample, path=object_store.root() / "trained" / sample.path.name) for sample in samples]


def test_what_was_used_longest_ago_makes_room(bucket: SharedBucket, settings: Any) -> None:
    settings.MEDIA_CACHE_BYTES = 1000
    paths = [object_store.local_path(*put_image(bucket, bytes([number]) * 300)) for number in range(3)]
    for seconds, path in zip((300, 200, 100), paths, strict=True):
        set_last_used(path, seconds)
    assert file_cache.touch(paths[0])
    paths.append(object_store.local_path(*put_image(bucket, b"new" * 100)))
    assert [path.exists() for path in paths] == [True, False, True, True]


def test_what_may_be_about_to_be_opened_stays(bucket: SharedBucket, settings: Any) -> None:
    settings.MEDIA_CACHE_BYTES = 500
    paths = [object_store.local_path(*put_image(bucket, bytes([number]) * 300)) for number in range(3)]
    assert all(path.exists() for path in paths)


def test_a_disk_that_fills_makes_the_cache_smaller(bucket: SharedBucket, settings: Any) -> None:
    path = object_store.local_path(*put_image(bucket, b"some bytes"))
    set_last_used(path, 100)
    settings.MIN_FREE_DISK_BYTES = 1 << 60
    assert file_cache.evict() == 1
    assert not path.exists()


def test_a_training_keeps_its_images_whatever_the_cache_removes(bucket: SharedBucket, settings: Any) -> None:
    files = [put_image(bucket, bytes([number]) * 300) for number in range(3)]
    with object_store.local_images(files) as root:
        for name, _ in files:
            set_last_used(object_store.root() / name, 100)
        settings.MEDIA_CACHE_BYTES = 10
        assert file_cache.evict() == 3
        assert [hashlib.sha256((root / name).read_bytes()).hexdigest() for name, _ in files] == [
            sha for _, sha in files
        ]
    assert not root.exists()


def test_a_cached_file_that_changed_is_fetched_again_for_a_training(bucket: SharedBucket) -> None:
    name, sha256 = put_image(bucket, b"some bytes")
    object_store.local_path(name, sha256).write_bytes(b"other byte")
    with object_store.local_images([(name, sha256)]) as root:
        assert (root / name).read_bytes() == b"some bytes"


def test_what_a_killed_training_held_is_removed_by_the_next(
    bucket: SharedBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = file_cache.root() / file_cache.PINNED_FOLDER / "abc"
    left.mkdir(parents=True)
    (left / "image.png").write_bytes(b"x")
    monkeypatch.setattr(scratch_folders, "MIN_AGE_SECONDS", -1.0)
    with object_store.local_images([]) as mine:
        assert not left.exists()
        with object_store.local_images([]):
            assert mine.exists()


def test_a_damaged_object_is_refused_and_leaves_nothing(bucket: SharedBucket) -> None:
    name, sha256 = put_image(bucket, b"some bytes")
    bucket.write(name, b"other byte")
    with pytest.raises(StoredFileDamaged, match="restore it from a backup"):
        object_store.local_path(name, sha256)
    assert not [path for path in file_cache.root().rglob("*") if path.is_file()]


def test_it_waits_for_a_store_that_comes_back(bucket: SharedBucket) -> None:
    tries: list[int] = []

    def step() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise StoreUnreachable("away")
        return "there"

    assert object_store.retry_while_unreachable(step, (0.0, 0.0, 0.0)) == "there"
    assert len(tries) == 3
    tries.clear()
    with pytest.raises(StoreUnreachable):
        object_store.retry_while_unreachable(step, (0.0,))


def test_a_machine_with_nothing_trains_on_a_snapshot(model: RegisteredModel, bucket: SharedBucket) -> None:
    samples = [replace(sample, group=file_group(sample.sha256)) for sample in stored_samples(bucket)]
    snapshot = freeze(model, samples, PLAIN_CONFIG)
    assert {item.image_name for item in snapshot.items.all()} == {f"trained/{one.path.name}" for one in samples}
    bucket.switch_machine()
    with local_samples(snapshot) as found:
        read = {sample.sha256: hashlib.sha256(sample.path.read_bytes()).hexdigest() for sample in found}
    assert read == {sha256: sha256 for sha256 in (sample.sha256 for sample in samples)}


def test_grouping_by_likeness_sees_the_same_from_a_bucket_as_from_a_disk(
    model: RegisteredModel, bucket: SharedBucket
) -> None:
    samples = [replace(sample, group=file_group(sample.sha256)) for sample in stored_samples(bucket)]
    assert not samples[0].path.exists()
    from_bucket = freeze(model, samples, PLAIN_CONFIG)
    assert not any(sample.path.parent != object_store.root() / "trained" for sample in samples)
    local = freeze(model, [replace(one, group=file_group(one.sha256)) for one in labeled_samples()], PLAIN_CONFIG)
    assert from_bucket.sha256 == local.sha256


def test_a_snapshot_names_images_that_the_store_lost(model: RegisteredModel, bucket: SharedBucket) -> None:
    samples = stored_samples(bucket)
    snapshot = freeze(model, samples, PLAIN_CONFIG)
    bucket.remove(f"trained/{samples[0].path.name}")
    bucket.write(f"trained/{samples[1].path.name}", b"another")
    with pytest.raises(SnapshotDamaged, match=f"2 of {len(samples)} images"), local_samples(snapshot):
        pass
