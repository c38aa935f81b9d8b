"""Fetch of one file from a store, verified by its hash and installed atomically."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mltasks.storage import atomic_files
from mltasks.storage.store_errors import StoredFileDamaged
from mltasks.vision.serving.bundle import file_sha256

logger = logging.getLogger(__name__)


def fetch(path: Path, sha256: str, read: Callable[[BinaryIO], None], *, draft_dir: Path, durable: bool = False) -> None:
    """Let ``read`` write the file, check its hash, then rename the file to ``path``.

    Raises StoredFileDamaged if the file has another hash, and what ``read`` raises.
    """

    def fill(draft: BinaryIO) -> None:
        read(draft)
        draft.flush()
        found = file_sha256(Path(draft.name))
        if found != sha256:
            logger.error("%s in the store has sha256 %s, not the recorded %s.", path.name, found, sha256)
            raise StoredFileDamaged(f"{path.name} in the store is damaged: restore it from a backup of the bucket.")

    atomic_files.write(path, fill, draft_dir=draft_dir, durable=durable)
