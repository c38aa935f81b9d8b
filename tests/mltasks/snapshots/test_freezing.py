"""A snapshot is a copy that nothing changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.db import ProgrammingError
from PIL import Image

from mltasks.models import DatasetSnapshot, RegisteredModel, SnapshotItem
from mltasks.models.mask_names import mask_name
from mltasks.snapshots.snapshots import SnapshotDamaged, freeze, manifest_line, manifest_sha256, verified_samples
from mltasks.vision.data.duplicate_groups import file_group
from mltasks.vision.data.splits import NotEnoughLabels
from mltasks.vision.types import HOLDOUT, Mark, Roi, Sample
from tests.tiny_model import GOOD, PLAIN_CONFIG, labeled_samples


def test_it_copies_images_targets_groups_and_splits(model: RegisteredModel) -> None:
    samples = [replace(sample, roi=Roi(1, 2, 30, 40)) for sample in labeled_samples()]
    snapshot = freeze(model, samples, PLAIN_CONFIG)
    assert (snapshot.number, snapshot.good, snapshot.defective) == (1, GOOD, len(samples) - GOOD)
    frozen = {sample.sha256: sample for sample in snapshot.samples(Path(settings.MEDIA_ROOT))}
    for sample in samples:
        found = frozen[sample.sha256]
        assert found.split in {"fold-0", "fold-1"}
        assert replace(found, split="") == sample


def test_it_numbers_snapshots_and_the_same_set_has_the_same_hash(model: RegisteredModel) -> None:
    samples = labeled_samples()
    first, second = freeze(model, samples, PLAIN_CONFIG), freeze(model, reversed(samples), PLAIN_CONFIG)
    assert (first.number, second.number) == (1, 2)
    assert first.sha256 == second.sha256
    changed = [replace(samples[0], defect_type="dent"), *samples[1:]]
    assert freeze(model, changed, PLAIN_CONFIG).sha256 != first.sha256


def test_it_keeps_bit_depths_and_the_hashes_of_sets_without_them(model: RegisteredModel) -> None:
    samples = labeled_samples()
    plain = freeze(model, samples, PLAIN_CONFIG)
    deep = freeze(model, [replace(samples[0], bit_depth=12), *samples[1:]], PLAIN_CONFIG)

    assert {sample.bit_depth for sample in deep.samples(Path(settings.MEDIA_ROOT))} == {12, None}
    assert deep.sha256 != plain.sha256
    lines = [json.loads(manifest_line(item)) for item in deep.items.all()]
    assert sorted(len(line) for line in lines) == [*[6] * (len(samples) - 1), 7]


def with_mask(sample: Sample) -> Sample:
    """The sample with a stored mask."""
    content = f"mask of {sample.name}".encode()
    mask = Path(settings.MEDIA_ROOT) / mask_name(hashlib.sha256(content).hexdigest())
    mask.parent.mkdir(parents=True, exist_ok=True)
    mask.write_bytes(content)
    return replace(sample, mask=mask)


def test_it_keeps_marks_and_masks_and_the_hashes_of_sets_without_them(model: RegisteredModel) -> None:
    samples = labeled_samples()
    plain = freeze(model, samples, PLAIN_CONFIG)
    marked = replace(samples[-1], marks=(Mark(0.1, 0.2, 0.3, 0.05), Mark(1 / 3, 0)), bit_depth=12)
    masked = with_mask(samples[-2])
    snapshot = freeze(model, [*samples[:-2], masked, marked], PLAIN_CONFIG)

    frozen = {sample.name: replace(sample, split="") for sample in verified_samples(snapshot)}
    assert (frozen[marked.name], frozen[masked.name]) == (marked, masked)
    assert frozen[samples[0].name] == samples[0]
    assert snapshot.sha256 != plain.sha256
    # From the rows, as a verification reads them.
    assert manifest_sha256(snapshot.items.order_by("image_sha256")) == snapshot.sha256
    lines = {item.title: json.loads(manifest_line(item))[6:] for item in snapshot.items.all()}
    assert masked.mask is not None
    assert lines == {sample.name: [] for sample in samples} | {
        marked.name: [12, [mark.to_json() for mark in marked.marks], ""],
        masked.name: [None, [], masked.mask.stem],
    }


def test_it_notices_a_mask_that_changed_on_disk(model: RegisteredModel) -> None:
    *samples, last = labeled_samples()
    masked = with_mask(last)
    snapshot = freeze(model, [*samples, masked], PLAIN_CONFIG)
    assert masked.mask is not None
    masked.mask.write_bytes(b"another")
    with pytest.raises(SnapshotDamaged, match=f"1 of {snapshot.total} .*{masked.name}"):
        verified_samples(snapshot)
    masked.mask.unlink()
    with pytest.raises(SnapshotDamaged, match="missing"):
        verified_samples(snapshot)


def test_its_time_is_known_at_once(snapshot: DatasetSnapshot) -> None:
    stored = DatasetSnapshot.objects.get().created_at
    assert snapshot.created_at == stored


def brighter_shot(sample: Sample) -> Sample:
    """Another shot of the sample's part, under more light, without a part id."""
    path = sample.path.with_name(f"brighter-{sample.path.name}")
    with Image.open(sample.path) as image:
        image.point([min(255, round(1.2 * level)) for level in range(256)] * 3).save(path, quality=85)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(sample, name=path.name, path=path, sha256=sha256, group=file_group(sha256))


def frozen_groups(snapshot: DatasetSnapshot) -> dict[str, tuple[str, str]]:
    """Group and split by title."""
    return {item.title: (item.group, item.split) for item in snapshot.items.all()}


def test_shots_without_part_ids_are_grouped_by_likeness(model: RegisteredModel) -> None:
    known, unknown = (
        labeled_samples()[:3],
        [replace(sample, group=file_group(sample.sha256)) for sample in labeled_samples()[3:]],
    )
    again = [brighter_shot(known[0]), brighter_shot(unknown[0])]
    snapshot = freeze(model, [*known, *unknown, *again], PLAIN_CONFIG)
    found = frozen_groups(snapshot)
    assert found[again[0].name] == found[known[0].name]
    assert found[again[0].name][0] == "part-0"
    assert found[again[1].name] == found[unknown[0].name]
    assert found[again[1].name][0] == min(again[1].group, unknown[0].group)
    assert freeze(model, reversed([*known, *unknown, *again]), PLAIN_CONFIG).sha256 == snapshot.sha256


def test_an_image_that_cannot_be_read_is_frozen_alone(model: RegisteredModel) -> None:
    samples = [replace(sample, group=file_group(sample.sha256)) for sample in labeled_samples()]
    broken = Path(settings.MEDIA_ROOT) / "broken.jpg"
    broken.write_bytes(b"no image")
    sha256 = hashlib.sha256(broken.read_bytes()).hexdigest()
    damaged = Sample("broken.jpg", sha256, broken, 0, file_group(sha256))
    missing = replace(
        damaged, name="missing.jpg", sha256="0" * 64, path=broken.with_name("gone.jpg"), group=file_group("0" * 64)
    )
    found = frozen_groups(freeze(model, [*samples, damaged, missing], PLAIN_CONFIG))
    assert found["broken.jpg"][0] == damaged.group
    assert found["missing.jpg"][0] == missing.group


def test_it_refuses_too_few_labels_in_words(model: RegisteredModel) -> None:
    with pytest.raises(NotEnoughLabels, match="label 4 more defective parts"):
        freeze(model, labeled_samples()[:GOOD], PLAIN_CONFIG)
    assert not DatasetSnapshot.objects.exists()


def test_it_refuses_one_image_twice(model: RegisteredModel) -> None:
    samples = labeled_samples()
    with pytest.raises(ValueError, match="2 times"):
        freeze(model, [*samples, samples[0]], PLAIN_CONFIG)


def test_it_refuses_a_path_outside_the_media_folder(model: RegisteredModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="MEDIA_ROOT"):
        freeze(model, labeled_samples(tmp_path), PLAIN_CONFIG)


def test_it_refuses_a_later_change(snapshot: DatasetSnapshot) -> None:
    with pytest.raises(ProgrammingError, match="Cannot update or delete"):
        SnapshotItem.objects.update(target=1)


def test_it_notices_an_image_that_changed_on_disk(snapshot: DatasetSnapshot) -> None:
    assert len(verified_samples(snapshot)) == snapshot.total
    item = snapshot.items.order_by("id")[0]
    path = Path(settings.MEDIA_ROOT) / item.image_name
    path.write_bytes(b"another")
    with pytest.raises(SnapshotDamaged, match=f"1 of {snapshot.total} .*{item.title}"):
        verified_samples(snapshot)
    path.unlink()
    with pytest.raises(SnapshotDamaged, match="missing"):
        verified_samples(snapshot)
    labeled_samples()  # put it back for the tests that follow


def test_what_is_locked_is_kept_and_never_learned_from(model: RegisteredModel) -> None:
    samples = labeled_samples()
    samples[0] = replace(samples[0], split=HOLDOUT, group="shared")
    # Another picture of the same part is locked with it.
    samples[1] = replace(samples[1], group="shared")
    snapshot = freeze(model, samples, PLAIN_CONFIG)
    locked = set(snapshot.items.filter(split=HOLDOUT).values_list("image_sha256", flat=True))
    assert locked == {samples[0].sha256, samples[1].sha256}
    assert (snapshot.total, snapshot.items.count()) == (len(samples) - 2, len(samples))
    assert locked.isdisjoint(sample.sha256 for sample in verified_samples(snapshot))
    samples[0].path.write_bytes(b"another")
    with pytest.raises(SnapshotDamaged, match=samples[0].name):
        verified_samples(snapshot)
