"""Freeze a labeled set: an immutable copy that a version's training can be traced to and repeated from."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from mltasks.models import DatasetSnapshot, RegisteredModel, SnapshotItem
from mltasks.vision.data import assign_splits
from mltasks.vision.likeness import file_group, group_samples
from mltasks.vision.types import DEFECT, GOOD, Sample, TrainConfig

_BATCH = 1000


class SnapshotDamaged(RuntimeError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Images of a snapshot are missing from disk or are not what they were when it was frozen."""


def freeze(model: RegisteredModel, samples: Iterable[Sample], config: TrainConfig) -> DatasetSnapshot:
    """Copy a labeled set into a numbered snapshot, each sample with the split that ``config`` gives it.

    A sample whose group is only its own file has no part id: it is grouped by likeness, which reads every image once.
    A sample's path lies below MEDIA_ROOT; its own split is ignored. Raises NotEnoughLabels (in words for people) when
    the set can't be trained on, ValueError for one image twice or a path outside MEDIA_ROOT.
    """
    ordered = sorted(samples, key=lambda sample: sample.sha256)
    _refuse_twins(ordered)
    _refuse_outsiders(ordered)
    known = [sample.group != file_group(sample.sha256) for sample in ordered]
    items = [_item(sample) for sample in assign_splits(group_samples(ordered, known), config)]
    count = Counter(item.target for item in items)
    with transaction.atomic():
        # The lock makes numbers consecutive however many freeze at once.
        RegisteredModel.objects.select_for_update().get(pk=model.pk)
        last = DatasetSnapshot.objects.filter(model=model).aggregate(Max("number"))["number__max"] or 0
        snapshot = DatasetSnapshot.objects.create(
            model=model, number=last + 1, sha256=_manifest_sha256(items), good=count[GOOD], defective=count[DEFECT]
        )
        for item in items:
            item.snapshot = snapshot
        SnapshotItem.objects.bulk_create(items, batch_size=_BATCH)
    return snapshot


def verified_samples(snapshot: DatasetSnapshot) -> list[Sample]:
    """Return the snapshot's samples after reading each image once. Raises SnapshotDamaged naming the first bad ones."""
    samples = snapshot.samples(Path(settings.MEDIA_ROOT))
    bad = [sample.name for sample in samples if _sha256(sample.path) != sample.sha256]
    if bad:
        named = ", ".join(bad[:3]) + (" …" if len(bad) > 3 else "")
        raise SnapshotDamaged(
            f"{len(bad)} of {len(samples)} images of {snapshot} are missing from disk or changed: {named}. "
            "Restore them from a backup, or retrain on a new snapshot."
        )
    return samples


def _refuse_twins(samples: Sequence[Sample]) -> None:
    for sha256, count in Counter(sample.sha256 for sample in samples).items():
        if count > 1:
            raise ValueError(f"The image with sha256 {sha256} is {count} times in the set; a snapshot holds it once.")


def _refuse_outsiders(samples: Sequence[Sample]) -> None:
    root = Path(settings.MEDIA_ROOT).resolve()
    for sample in samples:
        if not sample.path.resolve().is_relative_to(root):
            raise ValueError(f"{sample.path} does not lie below MEDIA_ROOT.")


def _item(sample: Sample) -> SnapshotItem:
    root = Path(settings.MEDIA_ROOT).resolve()
    return SnapshotItem(
        image_name=sample.path.resolve().relative_to(root).as_posix(),
        image_sha256=sample.sha256,
        title=sample.name,
        target=sample.target,
        defect_type=sample.defect_type,
        group=sample.group,
        split=sample.split,
        roi=f"{sample.roi.x},{sample.roi.y},{sample.roi.width},{sample.roi.height}" if sample.roi else "",
    )


def _manifest_sha256(items: Iterable[SnapshotItem]) -> str:
    """Hash of one JSON line an item, in the order of the images' hashes."""
    manifest = hashlib.sha256()
    for item in items:
        line = [item.image_sha256, item.target, item.defect_type, item.group, item.split, item.roi]
        manifest.update(json.dumps(line).encode() + b"\n")
    return manifest.hexdigest()


def _sha256(path: Path) -> str:
    """The file's hash; empty when there is no such file."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
