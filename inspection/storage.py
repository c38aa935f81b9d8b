"""Images on disk, named by their content: each file is whole or absent, and the same bytes are stored once."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from inspection.models import Inspection
from inspection.refusals import DiskFull
from mltasks.vision import images
from mltasks.vision.types import InputSize, Roi

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "WEBP": "webp", "TIFF": "tif"}
CONTENT_TYPES = {name: f"image/{name.lower()}" for name in EXTENSIONS}
# One folder for all drafts: on the same filesystem as their places, and one listing finds what a crash left.
DRAFTS = "images/drafts"
DRAFT_LIFE = 3600.0


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A file that survives a power cut: its path below MEDIA_ROOT, sha256 and size in bytes."""

    name: str
    sha256: str
    size: int


def sha256_of(stream: BinaryIO) -> str:
    """The hash of the whole stream, which is left at its start."""
    stream.seek(0)
    found = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        found.update(chunk)
    stream.seek(0)
    return found.hexdigest()


def store(stream: BinaryIO, image_format: str) -> StoredImage:
    """Store the bytes under their hash, durably before it returns. A whole file that is there is not written again.

    Raises DiskFull when the disk is full or would have less than MIN_FREE_DISK_BYTES left.
    """
    sha256 = sha256_of(stream)
    size = stream.seek(0, os.SEEK_END)
    name = f"images/{sha256[:2]}/{sha256}.{EXTENSIONS[image_format]}"
    path = _root() / name
    with _room_for(size):
        if not _holds(path, size):
            stream.seek(0)
            _write_whole(path, lambda draft: shutil.copyfileobj(stream, draft, 1 << 20), durable=True)
        # Also when it was there: whoever renamed it a moment ago may not have come this far.
        _sync(path.parent)
    stream.seek(0)
    return StoredImage(name, sha256, size)


def holds(stored: StoredImage) -> bool:
    """Whether the file is there, whole."""
    return _holds(_root() / stored.name, stored.size)


def store_thumbnail(sha256: str, jpeg: bytes) -> Path:
    """Keep a thumbnail beside the images. Not synced: it can be drawn again. Raises DiskFull."""
    path = _thumbnail_path(sha256)
    with _room_for(len(jpeg)):
        if not _holds(path, len(jpeg)):
            _write_whole(path, lambda draft: draft.write(jpeg), durable=False)
    return path


def thumbnail(inspection: Inspection) -> Path:
    """The path of its thumbnail, drawn again when missing or empty. Raises FileNotFoundError without the image."""
    path = _thumbnail_path(inspection.image_sha256)
    if path.exists() and path.stat().st_size:
        return path
    limits = images.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    return store_thumbnail(inspection.image_sha256, images.thumbnail(image_path(inspection), limits=limits))


def image_path(inspection: Inspection) -> Path:
    """Where its image lies on this machine."""
    return _root() / inspection.image_name


def open_image(inspection: Inspection) -> BinaryIO:
    """Open the stored image for reading. Raises FileNotFoundError."""
    return image_path(inspection).open("rb")


def load_image(inspection: Inspection, size: InputSize) -> images.Loaded:
    """Decode its region of interest for ``size``. Raises FileNotFoundError, and ImageError as ``images.load``."""
    roi = Roi.stored(inspection.roi)
    limits = images.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    return images.load(image_path(inspection), roi=roi, size=size, limits=limits)


def as_png(inspection: Inspection) -> bytes:
    """The whole image, upright, as a PNG of 8-bit RGB. Raises FileNotFoundError."""
    limits = images.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    out = io.BytesIO()
    images.load(image_path(inspection), limits=limits).pixels.save(out, "PNG", compress_level=1)
    return out.getvalue()


def files_of(name: str, sha256: str) -> list[Path]:
    """What there is of an image: its file and its thumbnail."""
    return [path for path in sorted({_root() / name, _thumbnail_path(sha256)}) if path.is_file()]


def remove(name: str, sha256: str) -> int:
    """Remove an image with its thumbnail and return their bytes. Hold the image's lock, and see that no row names it.
    Raises OSError."""
    freed = 0
    for path in files_of(name, sha256):
        freed += path.stat().st_size
        path.unlink()
    return freed


def remove_old_drafts() -> int:
    """Remove the unfinished files that killed processes left behind; return how many."""
    limit = time.time() - DRAFT_LIFE
    old = [path for path in (_root() / DRAFTS).glob("*.draft") if path.stat().st_mtime < limit]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def is_disk_full(error: OSError) -> bool:
    """Whether this is the system's word for a full disk or a used-up quota."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    try:
        _root().mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(_root()).free - size < settings.MIN_FREE_DISK_BYTES:
            raise DiskFull(_("Too little room is left on the disk. The image was not taken."))
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(_("The disk is full. The image was not taken.")) from error
        raise


def _root() -> Path:
    return Path(settings.MEDIA_ROOT)


def _thumbnail_path(sha256: str) -> Path:
    return _root() / "thumbs" / sha256[:2] / f"{sha256}.jpg"


def _holds(path: Path, size: int) -> bool:
    # The name is the hash, and files only get their name when whole: a wrong size is damage, and is repaired.
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write_whole(path: Path, fill: Callable[[BinaryIO], object], *, durable: bool) -> None:
    draft = _root() / DRAFTS / f"{secrets.token_hex(8)}.draft"
    draft.parent.mkdir(parents=True, exist_ok=True)
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


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder.parent, folder.parent.parent):
        _sync(parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
