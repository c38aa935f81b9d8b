"""Scratch folders of one process; a later process removes those of killed processes."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A folder this young may not have its lock yet.
MIN_AGE_SECONDS = 60.0


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder below ``parent`` that exists until the block ends.

    Folders of killed processes are removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    folder = parent / secrets.token_hex(8)
    folder.mkdir()
    # The kernel releases the lock however this process ends.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(parent: Path) -> None:
    limit = time.time() - MIN_AGE_SECONDS
    for folder in parent.iterdir():
        try:
            if folder.stat().st_ctime > limit:
                continue
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # its owner removed it
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(descriptor)
