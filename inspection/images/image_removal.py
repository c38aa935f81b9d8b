"""Images that no row names any more are removed, each with its thumbnail. Rows go first, so a crash leaves files.

Those lie where they are until somebody looks through their folder, for a day at least: a part whose file is there may
be on its way into the database.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import transaction

from inspection.images import image_files, image_locks
from inspection.images.image_store import Kept
from inspection.images.local_image_store import LocalImages
from inspection.models import Inspection
from mltasks.models import SnapshotItem
from mltasks.storage import object_store

T = TypeVar("T")
# Images lie in so many folders, by the first byte of their hash.
FOLDERS = 256
# Seconds for which a file that no row names is left alone.
SETTLED = 86_400.0
# Images that are locked together: each lock has a place in PostgreSQL's table of locks, which has 6,400.
AT_ONCE = 100
# Files that are looked up together.
LOOKED_UP = 1000
_NAME = re.compile(r"[0-9a-f]{64}(\.\d{1,2})?\.[a-z]{3,4}")


@dataclass(frozen=True, slots=True)
class Freed:
    """Images that were removed, and their bytes with those of their thumbnails."""

    images: int = 0
    bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(self.images + other.images, self.bytes + other.bytes)


def remove_unnamed(names: Mapping[str, str]) -> Freed:
    """Of these images, names by sha256, remove those that no inspection and no snapshot names. One that somebody sends
    just now stays; without a row in the end, it is found in its folder later. Raises OSError
    and StoreAway."""
    freed = Freed()
    for some in _some(names, AT_ONCE):
        with transaction.atomic():
            free = image_locks.take(some)
            for sha256 in sorted(set(free) - named(free)):
                freed += Freed(1, image_files.remove(names[sha256], sha256))
    return freed


def sweep_folder(number: int, *, dry_run: bool = False) -> Freed:
    """Remove what no row names from one of the ``FOLDERS``, if it is older than ``SETTLED``; with ``dry_run`` count it.
    Raises OSError and StoreAway."""
    freed = Freed()
    for some in _some(_settled(number), LOOKED_UP):
        files = {sha256_in(one.name): one for one in some}
        unnamed = [files[sha256] for sha256 in files.keys() - named(files)]
        freed += _counted(unnamed) if dry_run else remove_unnamed({sha256_in(one.name): one.name for one in unnamed})
    return freed


def named(sha256s: Collection[str]) -> set[str]:
    """Those of the images that a row names: an inspection, or a snapshot's item."""
    rows = Inspection.objects.filter(image_sha256__in=sha256s).values_list("image_sha256").order_by()
    items = SnapshotItem.objects.filter(image_sha256__in=sha256s).values_list("image_sha256").order_by()
    return {sha256 for (sha256,) in rows.union(items)}


def sha256_in(name: str) -> str:
    """The hash that an image's or thumbnail's name has."""
    return name.rpartition("/")[2].partition(".")[0]


def _settled(number: int) -> Iterator[Kept]:
    """The old images of a folder, and on a machine's own disk its old thumbnails without an image: beside a bucket they
    are in a cache."""
    folder = f"images/{number:02x}"
    yield from _old(image_files.kept().listing(folder))
    if not object_store.is_shared():
        thumbnails = LocalImages().listing(f"thumbs/{number:02x}")
        yield from (one for one in _old(thumbnails) if not _has_image(folder, sha256_in(one.name)))


def _old(kept: Iterator[Kept]) -> Iterator[Kept]:
    """Of a store's listing what it has written itself, long enough ago."""
    limit = time.time() - SETTLED
    return (one for one in kept if _NAME.fullmatch(one.name.rpartition("/")[2]) and one.written < limit)


def _has_image(folder: str, sha256: str) -> bool:
    there = Path(settings.MEDIA_ROOT) / folder
    return any((there / f"{sha256}.{ending}").exists() for ending in image_files.EXTENSIONS.values())


def _some(things: Iterable[T], number: int) -> Iterator[list[T]]:
    """So many at a time."""
    rest = iter(things)
    while some := list(islice(rest, number)):
        yield some


def _counted(unnamed: Sequence[Kept]) -> Freed:
    thumbnails = (image_files.thumbnail_size(sha256_in(one.name)) for one in unnamed if one.name.startswith("images/"))
    return Freed(len(unnamed), sum(one.size for one in unnamed) + sum(thumbnails))
