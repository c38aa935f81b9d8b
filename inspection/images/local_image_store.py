"""Image store on this machine's disk, below MEDIA_ROOT."""

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
    """Image store whose files survive a power failure once ``put`` has returned."""

    def put(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Write the file, unless it exists already. Raises DiskFull."""
        root = Path(settings.MEDIA_ROOT)
        path = root / name
        with require_free_space(root, size):
            # Files get their name, the hash, only when whole. A wrong size is damage, so the file is written again.
            if not atomic_files.exists_with_size(path, size):
                image.seek(0)
                atomic_files.write(
                    path,
                    lambda draft: shutil.copyfileobj(image, draft, 1 << 20),
                    draft_dir=object_store.draft_dir(),
                    durable=True,
                )
            # Sync for an existing file too: the process that renamed it may not have synced the folder yet.
            atomic_files.sync_folder(path.parent)

    def exists(self, name: str, size: int) -> bool:
        """Return True if the file exists with this size."""
        return atomic_files.exists_with_size(Path(settings.MEDIA_ROOT) / name, size)

    def remove(self, name: str) -> int:
        """Remove the file. Raises OSError."""
        path = Path(settings.MEDIA_ROOT) / name
        size = path.stat().st_size if path.is_file() else 0
        path.unlink(missing_ok=True)
        return size

    def list(self, folder: str) -> Iterator[StoredObject]:
        """List the files directly in a folder. Raises OSError."""
        with suppress(FileNotFoundError), os.scandir(Path(settings.MEDIA_ROOT) / folder) as entries:
            for entry in entries:
                # A file may be removed while the folder is read.
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        status = entry.stat()
                        yield StoredObject(f"{folder}/{entry.name}", status.st_size, status.st_mtime)


@contextmanager
def require_free_space(root: Path, size: int) -> Iterator[None]:
    """Check the free space, then run the block. Raises DiskFull if the disk is full.

    The disk counts as full if less than MIN_FREE_DISK_BYTES would be left, or if a write in the block fails for lack of
    space.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(root).free - size < settings.MIN_FREE_DISK_BYTES:
            raise DiskFull(_("Too little disk space is left. The image was not stored. Free some space, then retry."))
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(_("The disk is full. The image was not stored. Free some space, then retry.")) from error
        raise


def is_disk_full(error: OSError) -> bool:
    """Return True if the error means a full disk or an exhausted quota."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
