"""Removal of images that no row names, with their thumbnails.

Rows are deleted before files, so a crash leaves files without rows. `clean_folder` removes these files once they are a
day old: a newer file may belong to a part that is not in the database yet.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import transaction

from inspection.images import image_files, image_locks
from inspection.images.image_store import StoredObject
from inspection.images.local_image_store import LocalImageStore
from inspection.models import Inspection
from mltasks.models import SnapshotItem
from mltasks.storage import object_store

T = TypeVar("T")
# Number of image folders, one for each first byte of the hash.
FOLDER_COUNT = 256
# Minimum age in seconds of a file that no row names before it is removed.
MIN_AGE_SECONDS = 86_400.0
# Images locked together: each lock takes one of the 6,400 entries in PostgreSQL's lock table.
LOCK_BATCH_SIZE = 100
# Files looked up in one query.
LOOKUP_BATCH_SIZE = 1000
_NAME_PATTERN = re.compile(r"[0-9a-f]{64}(\.\d{1,2})?\.[a-z]{3,4}")


@dataclass(frozen=True, slots=True)
class FreedSpace:
    """Number of removed images, and the bytes of the images and their thumbnails."""

    images: int = 0
    bytes: int = 0

    def __add__(self, other: FreedSpace) -> FreedSpace:
        return FreedSpace(self.images + other.images, self.bytes + other.bytes)


def remove_unreferenced(names: Mapping[str, str]) -> FreedSpace:
    """Remove the images, names by sha256, that no inspection and no snapshot names.

    An image that is being received now stays; if it ends up without a row, `clean_folder` finds it later. Raises
    OSError and StoreUnreachable.
    """
    freed = FreedSpace()
    for sha256s in _batches(names, LOCK_BATCH_SIZE):
        with transaction.atomic():
            locked = image_locks.try_lock_exclusive(sha256s)
            for sha256 in sorted(set(locked) - referenced_images(locked)):
                freed += FreedSpace(1, image_files.remove_image(names[sha256], sha256))
    return freed


def clean_folder(number: int, *, dry_run: bool = False) -> FreedSpace:
    """Remove unreferenced files older than ``MIN_AGE_SECONDS`` from one folder.

    ``number`` is below ``FOLDER_COUNT``. ``dry_run`` only counts the files. Raises OSError and StoreUnreachable.
    """
    freed = FreedSpace()
    for objects in _batches(_old_unreferenced_candidates(number), LOOKUP_BATCH_SIZE):
        files = {sha256_from_name(file.name): file for file in objects}
        for sha256 in files.keys() & referenced_images(files):
            del files[sha256]
        freed += (
            _count_space(files)
            if dry_run
            else remove_unreferenced({sha256: file.name for sha256, file in files.items()})
        )
    return freed


def referenced_images(sha256s: Collection[str]) -> set[str]:
    """Return the hashes that an inspection or a snapshot item names."""
    rows = Inspection.objects.filter(image_sha256__in=sha256s).values_list("image_sha256").order_by()
    items = SnapshotItem.objects.filter(image_sha256__in=sha256s).values_list("image_sha256").order_by()
    return {sha256 for (sha256,) in rows.union(items)}


def sha256_from_name(name: str) -> str:
    """Return the hash in the name of an image or thumbnail."""
    return name.rpartition("/")[2].partition(".")[0]


def _old_unreferenced_candidates(number: int) -> Iterator[StoredObject]:
    """Yield a folder's old images and, in a local store, old thumbnails without an image.

    With a bucket, thumbnails are in a cache that evicts them.
    """
    folder = f"images/{number:02x}"
    yield from _older_than_limit(image_files.image_store().list(folder))
    if not object_store.is_shared():
        thumbnails = LocalImageStore().list(f"thumbs/{number:02x}")
        yield from (
            file for file in _older_than_limit(thumbnails) if not _has_image(folder, sha256_from_name(file.name))
        )


def _older_than_limit(objects: Iterator[StoredObject]) -> Iterator[StoredObject]:
    """Filter a listing to files with the store's own names that are older than the limit."""
    limit = time.time() - MIN_AGE_SECONDS
    return (
        file for file in objects if _NAME_PATTERN.fullmatch(file.name.rpartition("/")[2]) and file.modified_at < limit
    )


def _has_image(folder: str, sha256: str) -> bool:
    there = Path(settings.MEDIA_ROOT) / folder
    return any((there / f"{sha256}.{ending}").exists() for ending in image_files.EXTENSIONS.values())


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of at most ``size`` items."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _count_space(files: Mapping[str, StoredObject]) -> FreedSpace:
    thumbnails = (image_files.thumbnail_bytes(key) for key, file in files.items() if file.name.startswith("images/"))
    return FreedSpace(len(files), sum(file.size for file in files.values()) + sum(thumbnails))
