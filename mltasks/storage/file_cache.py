"""Files of the shared store that this machine keeps for a while, those used last.

The limit, MEDIA_CACHE_BYTES, is kept to within a sixteenth for each process that writes. Nothing here is missed when it
is removed: images are fetched again, thumbnails drawn again.
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
from mltasks.storage.verified_fetch import fetch
from mltasks.vision.serving.bundle import file_sha256

logger = logging.getLogger(__name__)

# Below the root, and never removed to make room. One folder for all drafts: on the same filesystem as their places, and
# one listing finds what a crash left.
DRAFT_FOLDER = "images/drafts"
PINNED_FOLDER = "held"
# Seconds: what was used so lately may be about to be opened.
RECENT_USE_SECONDS = 60.0
# Of the limit: what one process writes before it looks, and what is left free afterwards.
CHECK_SHARE, FREE_SHARE = 1 / 16, 1 / 10
_lock = threading.Lock()
_unaccounted_bytes: dict[Path, int] = {}


def root() -> Path:
    """The folder that it all lies in."""
    return Path(settings.MEDIA_CACHE_DIR)


def get(name: str, sha256: str, read: Callable[[BinaryIO], None], *, verify: bool = False) -> Path:
    """The path of the file, which ``read`` fetches when it is missing. With ``verify`` a file that is there is hashed,
    and fetched again when it changed.

    Raises StoredFileDamaged when what was fetched has another hash, and what ``read`` raises.
    """
    path = root() / name
    if touch(path) and not (verify and file_sha256(path) != sha256):
        return path
    fetch(path, sha256, read, draft_dir=root() / DRAFT_FOLDER)
    record_growth(path.stat().st_size)
    return path


def touch(path: Path) -> bool:
    """Note that a file is used. False when it is not there."""
    try:
        if time.time() - path.stat().st_mtime > RECENT_USE_SECONDS / 2:
            os.utime(path)
    except FileNotFoundError:
        return False
    return True


def record_growth(size: int) -> None:
    """Tell of so many new bytes; now and then this makes room."""
    with _lock:
        # The first file of a process looks, too: it can't know what is there.
        unseen = _unaccounted_bytes.get(root(), settings.MEDIA_CACHE_BYTES) + size
        due = unseen > settings.MEDIA_CACHE_BYTES * CHECK_SHARE
        _unaccounted_bytes[root()] = 0 if due else unseen
    if due:
        evict()


def evict() -> int:
    """Remove the files used longest ago until the rest is well within the limit; return how many.

    The limit shrinks with the disk: MIN_FREE_DISK_BYTES stay free.
    """
    atomic_files.remove_old_drafts(root() / DRAFT_FOLDER)
    files = sorted(_files())
    total = sum(size for _, size, _ in files)
    spare = total + shutil.disk_usage(root()).free - settings.MIN_FREE_DISK_BYTES
    limit = min(settings.MEDIA_CACHE_BYTES, spare)
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
    """Last use, size and path of every file that may go."""
    kept = {str(root() / DRAFT_FOLDER), str(root() / PINNED_FOLDER)}
    for folder, below, names in os.walk(root()):
        below[:] = [name for name in below if str(Path(folder, name)) not in kept]
        for name in names:
            path = Path(folder, name)
            try:
                found = path.stat()
            except FileNotFoundError:  # another process made room as well
                continue
            yield found.st_mtime, found.st_size, path
