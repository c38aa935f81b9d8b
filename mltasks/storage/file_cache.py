"""Local cache of files from the shared store; the files used longest ago are removed first.

Each writing process may exceed the limit, MEDIA_CACHE_BYTES, by at most a sixteenth. Removed images are fetched again,
removed thumbnails are drawn again.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from mltasks.storage import atomic_files
from mltasks.storage.store_errors import StoredFileDamaged
from mltasks.vision.serving.bundle import file_sha256

logger = logging.getLogger(__name__)

# Both lie below the root and are never evicted. One folder holds all drafts: it is on the same filesystem as their
# targets, and one listing finds what a crash left.
DRAFT_FOLDER = "images/drafts"
PINNED_FOLDER = "held"
# Seconds: a file used this recently may be about to be opened.
RECENT_USE_SECONDS = 60.0
# Shares of the limit: what one process writes before it checks, and what stays free after an eviction.
CHECK_SHARE, FREE_SHARE = 1 / 16, 1 / 10
_lock = threading.Lock()
_unaccounted_bytes: dict[Path, int] = {}


def root() -> Path:
    """Return the folder of the cache."""
    return Path(settings.MEDIA_CACHE_DIR)


def get(name: str, sha256: str, read: Callable[[BinaryIO], None], *, verify: bool = False) -> Path:
    """Return the path of the file; call ``read`` to fetch a missing file.

    With ``verify`` a present file is hashed, and fetched again if it changed. Raises StoredFileDamaged if the fetched
    file has another hash, and what ``read`` raises.
    """
    path = root() / name
    if touch(path) and not (verify and file_sha256(path) != sha256):
        return path
    fetch(path, sha256, read, draft_dir=root() / DRAFT_FOLDER)
    record_growth(path.stat().st_size)
    return path


def fetch(path: Path, sha256: str, read: Callable[[BinaryIO], None], *, draft_dir: Path, durable: bool = False) -> None:
    """Let ``read`` write a stored file, check its hash, then rename the file to ``path``.

    Raises StoredFileDamaged if the file has another hash, and what ``read`` raises.
    """

    def fill(draft: BinaryIO) -> None:
        read(draft)
        draft.flush()
        actual = file_sha256(Path(draft.name))
        if actual != sha256:
            logger.error("%s in the store has sha256 %s, not the recorded %s.", path.name, actual, sha256)
            raise StoredFileDamaged(f"{path.name} in the store is damaged: restore it from a backup of the bucket.")

    atomic_files.write(path, fill, draft_dir=draft_dir, durable=durable)


def touch(path: Path) -> bool:
    """Record that a file is used; return False if it does not exist."""
    try:
        if time.time() - path.stat().st_mtime > RECENT_USE_SECONDS / 2:
            os.utime(path)
    except FileNotFoundError:
        return False
    return True


def record_growth(size: int) -> None:
    """Add written bytes to the cache's size; evict files when a check is due."""
    with _lock:
        # The first file of a process triggers a check, too: the process does not know the cache's size yet.
        unaccounted = _unaccounted_bytes.get(root(), settings.MEDIA_CACHE_BYTES) + size
        due = unaccounted > settings.MEDIA_CACHE_BYTES * CHECK_SHARE
        _unaccounted_bytes[root()] = 0 if due else unaccounted
    if due:
        evict()


def evict() -> int:
    """Remove the files used longest ago until the rest is 10 % below the limit; return how many.

    Nothing is removed within the limit. The limit shrinks with the disk: MIN_FREE_DISK_BYTES stay free.
    """
    atomic_files.remove_old_drafts(root() / DRAFT_FOLDER)
    files = sorted(_files())
    total = sum(size for _, size, _ in files)
    available = total + shutil.disk_usage(root()).free - settings.MIN_FREE_DISK_BYTES
    limit = min(settings.MEDIA_CACHE_BYTES, available)
    if total <= limit:
        return 0
    removed, recent = 0, time.time() - RECENT_USE_SECONDS
    for used, size, path in files:
        if total <= limit * (1 - FREE_SHARE) or used > recent:
            break
        path.unlink(missing_ok=True)
        total -= size
        removed += 1
    logger.info("Removed %d files from %s: %d MiB are left.", removed, root(), total >> 20)
    return removed


def _files() -> Iterator[tuple[float, int, Path]]:
    """Yield last use, size and path of every file that may be evicted."""
    excluded = {str(root() / DRAFT_FOLDER), str(root() / PINNED_FOLDER)}
    for folder, subfolders, names in os.walk(root()):
        subfolders[:] = [name for name in subfolders if str(Path(folder, name)) not in excluded]
        for name in names:
            path = Path(folder, name)
            try:
                status = path.stat()
            except FileNotFoundError:  # another process evicted it
                continue
            yield status.st_mtime, status.st_size, path
