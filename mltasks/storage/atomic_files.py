"""Atomic file writes: a file is written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

DRAFT_MAX_AGE = 3600.0


def write(path: Path, fill: Callable[[BinaryIO], object], *, draft_dir: Path, durable: bool) -> None:
    """Let ``fill`` write a draft, then rename the draft to ``path``.

    An error in ``fill`` is raised and leaves no file. ``draft_dir`` is a folder of the same filesystem. With
    ``durable`` the content and the names of new folders survive a power cut; the caller syncs ``path``'s own folder.
    """
    draft = draft_dir / f"{secrets.token_hex(8)}.draft"
    draft_dir.mkdir(parents=True, exist_ok=True)
    try:
        with draft.open("xb") as file:
            fill(file)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        _make_folder(path.parent)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def exists_with_size(path: Path, size: int) -> bool:
    """Return True if a file of that size, in bytes, exists."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_old_drafts(draft_dir: Path) -> int:
    """Remove unfinished files that killed processes left behind; return their number."""
    limit = time.time() - DRAFT_MAX_AGE
    removed = 0
    for path in draft_dir.glob("*.draft"):
        # The draft may have been renamed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < limit:
                path.unlink()
                removed += 1
    return removed


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder.parent, folder.parent.parent):
        sync_folder(parent)
