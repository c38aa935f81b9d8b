"""Freezing of labeled sets into snapshots, from which a training can be traced and repeated."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from mltasks.models import DatasetSnapshot, RegisteredModel, SnapshotItem
from mltasks.models.mask_names import mask_name, mask_sha256
from mltasks.storage import object_store
from mltasks.vision.data.duplicate_groups import file_group, group_samples
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.serving.bundle import file_sha256
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import DEFECT, GOOD, HOLDOUT, Sample

_BATCH_SIZE = 1000


class SnapshotDamaged(RuntimeError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Error for images or masks that are missing from disk or have changed since the snapshot was frozen."""


def freeze(model: RegisteredModel, samples: Iterable[Sample], config: TrainConfig) -> DatasetSnapshot:
    """Copy a labeled set into a numbered snapshot; ``config`` determines the splits.

    A sample whose group is only its own file has no part id. It is grouped by similarity, which reads every image once.
    A sample's path lies below MEDIA_ROOT, or below the cache of a bucket, where the file may be missing. Of the
    samples' own splits only ``HOLDOUT`` counts: such a sample's whole group is stored but never trained on.

    Raises NotEnoughLabels if the set can't be trained on, ValueError for a repeated image or a
    path outside MEDIA_ROOT, and StoreUnreachable.
    """
    ordered = sorted(samples, key=lambda sample: sample.sha256)
    _refuse_duplicates(ordered)
    items = [_to_item(sample) for sample in _assign_splits(_with_groups(ordered), config)]
    count = Counter(item.target for item in items if item.split != HOLDOUT)
    with transaction.atomic():
        # The lock keeps the numbers consecutive when several processes freeze at the same time.
        RegisteredModel.objects.select_for_update().get(pk=model.pk)
        last = DatasetSnapshot.objects.filter(model=model).aggregate(Max("number"))["number__max"] or 0
        snapshot = DatasetSnapshot.objects.create(
            model=model, number=last + 1, sha256=manifest_sha256(items), good=count[GOOD], defective=count[DEFECT]
        )
        for item in items:
            item.snapshot = snapshot
        SnapshotItem.objects.bulk_create(items, batch_size=_BATCH_SIZE)
    return snapshot


def _assign_splits(samples: Sequence[Sample], config: TrainConfig) -> list[Sample]:
    """Assign splits to the samples; lock every sample of a part that has a locked sample."""
    locked = {sample.group for sample in samples if sample.split == HOLDOUT}
    trainable = [sample for sample in samples if sample.group not in locked]
    assigned = {sample.sha256: sample for sample in assign_splits(trainable, config)}
    return [assigned.get(sample.sha256) or replace(sample, split=HOLDOUT) for sample in samples]


@contextmanager
def local_samples(snapshot: DatasetSnapshot) -> Iterator[list[Sample]]:
    """Yield the snapshot's verified samples; their images and masks stay on this machine in the block.

    Raises SnapshotDamaged as ``verified_samples`` does, and StoreUnreachable if a bucket stays unreachable for minutes.
    """
    images = snapshot.items.values_list("image_name", "image_sha256")
    masks = snapshot.items.exclude(mask_sha256="").values_list("mask_sha256", flat=True)
    files = [*images, *((mask_name(sha256), sha256) for sha256 in masks)]
    with object_store.local_images(files, object_store.RETRY_PAUSES) as root:
        yield verified_samples(snapshot, root)


def verified_samples(snapshot: DatasetSnapshot, root: Path | None = None) -> list[Sample]:
    """Return the snapshot's samples for training, after verifying each image and mask by its hash.

    The files lie below ``root`` or else MEDIA_ROOT. Raises SnapshotDamaged naming the first damaged images; locked
    images are verified, too.
    """
    samples = snapshot.samples(root or Path(settings.MEDIA_ROOT))
    bad = [sample.name for sample in samples if not all(_is_intact(*file) for file in _files(sample))]
    if bad:
        names = ", ".join(bad[:3]) + (" …" if len(bad) > 3 else "")
        raise SnapshotDamaged(
            f"{len(bad)} of {len(samples)} images or masks of {snapshot} are missing from disk or changed: {names}. "
            "Restore them from a backup, or retrain on a new snapshot."
        )
    return [sample for sample in samples if sample.split != HOLDOUT]


def _files(sample: Sample) -> Iterator[tuple[Path, str]]:
    """Yield image and mask of a sample, each with its recorded sha256."""
    yield sample.path, sample.sha256
    if sample.mask is not None:
        yield sample.mask, mask_sha256(sample.mask)


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and file_sha256(path) == sha256


def _refuse_duplicates(samples: Sequence[Sample]) -> None:
    for sha256, count in Counter(sample.sha256 for sample in samples).items():
        if count > 1:
            raise ValueError(f"The image with sha256 {sha256} is {count} times in the set; only once is allowed.")


def _with_groups(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples with their groups; images are read only if a part id is missing."""
    has_part_id = [sample.group != file_group(sample.sha256) for sample in samples]
    if all(has_part_id):
        return list(samples)
    names = [_image_name(sample) for sample in samples]
    files = ((name, sample.sha256) for name, sample in zip(names, samples, strict=True))
    with object_store.local_images(files) as root:
        readable = [replace(sample, path=root / name) for name, sample in zip(names, samples, strict=True)]
        grouped = group_samples(readable, has_part_id)
    return [replace(sample, group=in_group.group) for sample, in_group in zip(samples, grouped, strict=True)]


def _image_name(sample: Sample) -> str:
    """Return the image's path below MEDIA_ROOT. Raises ValueError for a path outside."""
    root, path = object_store.root().resolve(), sample.path.resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{sample.path} is not below MEDIA_ROOT.")
    return path.relative_to(root).as_posix()


def _to_item(sample: Sample) -> SnapshotItem:
    return SnapshotItem(
        image_name=_image_name(sample),
        image_sha256=sample.sha256,
        title=sample.name,
        target=sample.target,
        defect_type=sample.defect_type,
        group=sample.group,
        split=sample.split,
        bit_depth=sample.bit_depth,
        marks=[mark.to_json() for mark in sample.marks] or None,
        mask_sha256=mask_sha256(sample.mask) if sample.mask else "",
        roi=f"{sample.roi.x},{sample.roi.y},{sample.roi.width},{sample.roi.height}" if sample.roi else "",
    )


def manifest_sha256(items: Iterable[SnapshotItem]) -> str:
    """Return the hash of one JSON line per item; the items are sorted by their images' hashes."""
    manifest = hashlib.sha256()
    for item in items:
        manifest.update(manifest_line(item))
    return manifest.hexdigest()


def manifest_line(item: SnapshotItem) -> bytes:
    """Return the item's line of the manifest, as the hash includes it.

    The line is a JSON list with a newline: image sha256, 0 for good or 1 for defective, defect type, group, split,
    region, and the bit depth for 16-bit images. A defect with marks or a mask has three more values: the bit depth or
    null, the marks, and the mask's sha256 or an empty text.
    """
    line = [item.image_sha256, item.target, item.defect_type, item.group, item.split, item.roi]
    # Lines of images without these values are as they were before the values existed, so that their hashes stay.
    if item.marks or item.mask_sha256:
        line += [item.bit_depth, item.marks or [], item.mask_sha256]
    elif item.bit_depth is not None:
        line += [item.bit_depth]
    return json.dumps(line, sort_keys=True).encode() + b"\n"
