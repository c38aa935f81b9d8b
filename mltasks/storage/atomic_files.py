"""Files on this machine's disk, each whole or absent: a temporary name, the content, then its own name."""

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
    """Let ``fill`` write a draft, then rename it to ``path``. What it raises leaves no file of either name.

    ``draft_dir`` is a folder of the same filesystem. With ``durable`` the content and the names of new folders
    survive a
    power cut; the caller syncs ``path``'s own folder.
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
    """Whether a file of that size, in bytes, is there."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_old_drafts(draft_dir: Path) -> int:
    """Remove the unfinished files that killed processes left behind; return how many."""
    limit = time.time() - DRAFT_MAX_AGE
    removed = 0
    for path in draft_dir.glob("*.draft"):
        # One that has its own name meanwhile is no draft any more.
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
