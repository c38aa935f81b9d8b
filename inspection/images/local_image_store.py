"""Images kept on this machine's disk, below MEDIA_ROOT."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from inspection.images.image_store import StoredObject
from inspection.refusals import DiskFull
from mltasks.storage import atomic_files, object_store


class LocalImageStore:
    """Each image survives a power cut once it is kept."""

    def put(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Write the file, unless it is there. Raises DiskFull."""
        root = Path(settings.MEDIA_ROOT)
        path = root / name
        with require_free_space(root, size):
            # The name is the hash, and files only get their name when whole: a wrong size is damage, and is repaired.
            if not atomic_files.exists_with_size(path, size):
                image.seek(0)
                atomic_files.write(
                    path,
                    lambda draft: shutil.copyfileobj(image, draft, 1 << 20),
                    draft_dir=object_store.draft_dir(),
                    durable=True,
                )
            # Also when it was there: whoever renamed it a moment ago may not have come this far.
            atomic_files.sync_folder(path.parent)

    def exists(self, name: str, size: int) -> bool:
        """Whether the file is there."""
        return atomic_files.exists_with_size(Path(settings.MEDIA_ROOT) / name, size)

    def remove(self, name: str) -> int:
        """Remove the file. Raises OSError."""
        path = Path(settings.MEDIA_ROOT) / name
        size = path.stat().st_size if path.is_file() else 0
        path.unlink(missing_ok=True)
        return size

    def list(self, folder: str) -> Iterator[StoredObject]:
        """The files of a folder, not of those within. Raises OSError."""
        with suppress(FileNotFoundError), os.scandir(Path(settings.MEDIA_ROOT) / folder) as found:
            for entry in found:
                # One may go while the folder is read.
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        status = entry.stat()
                        yield StoredObject(f"{folder}/{entry.name}", status.st_size, status.st_mtime)


@contextmanager
def require_free_space(root: Path, size: int) -> Iterator[None]:
    """Raise DiskFull when the disk would have less than MIN_FREE_DISK_BYTES left, or is full all the same."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(root).free - size < settings.MIN_FREE_DISK_BYTES:
            raise DiskFull(_("Too little room is left on the disk. The image was not taken."))
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(_("The disk is full. The image was not taken.")) from error
        raise


def is_disk_full(error: OSError) -> bool:
    """Whether this is the system's word for a full disk or a used-up quota."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
