"""A snapshot is a copy that nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.db import ProgrammingError

from mltasks.models import DatasetSnapshot, RegisteredModel, SnapshotItem
from mltasks.snapshots import SnapshotDamaged, freeze, verified_samples
from mltasks.vision.data import NotEnoughLabels
from mltasks.vision.types import Roi
from tests.trained import CONFIG, GOOD, labeled_samples


def test_it_copies_images_targets_groups_and_splits(model: RegisteredModel) -> None:
    samples = [replace(sample, roi=Roi(1, 2, 30, 40)) for sample in labeled_samples()]
    snapshot = freeze(model, samples, CONFIG)
    assert (snapshot.number, snapshot.good, snapshot.defective) == (1, GOOD, len(samples) - GOOD)
    frozen = {sample.sha256: sample for sample in snapshot.samples(Path(settings.MEDIA_ROOT))}
    for sample in samples:
        found = frozen[sample.sha256]
        assert found.split in {"fold-0", "fold-1"}
        assert replace(found, split="") == sample


def test_it_numbers_snapshots_and_the_same_set_has_the_same_hash(model: RegisteredModel) -> None:
    samples = labeled_samples()
    first, second = freeze(model, samples, CONFIG), freeze(model, reversed(samples), CONFIG)
    assert (first.number, second.number) == (1, 2)
    assert first.sha256 == second.sha256
    changed = [replace(samples[0], defect_type="dent"), *samples[1:]]
    assert freeze(model, changed, CONFIG).sha256 != first.sha256


def test_its_time_is_known_at_once(snapshot: DatasetSnapshot) -> None:
    stored = DatasetSnapshot.objects.get().created_at
    assert snapshot.created_at == stored


def test_it_refuses_too_few_labels_in_words(model: RegisteredModel) -> None:
    with pytest.raises(NotEnoughLabels, match="label 4 more defective parts"):
        freeze(model, labeled_samples()[:GOOD], CONFIG)
    assert not DatasetSnapshot.objects.exists()


def test_it_refuses_one_image_twice(model: RegisteredModel) -> None:
    samples = labeled_samples()
    with pytest.raises(ValueError, match="2 times"):
        freeze(model, [*samples, samples[0]], CONFIG)


def test_it_refuses_a_path_outside_the_media_folder(model: RegisteredModel, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="MEDIA_ROOT"):
        freeze(model, labeled_samples(tmp_path), CONFIG)


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
