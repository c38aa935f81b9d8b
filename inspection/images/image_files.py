"""Images named by their content: each is whole or absent, and the same bytes are kept once.

MEDIA_STORE chooses the store: `local_image_store` or `s3_image_store` of this package. Thumbnails lie on this
machine in either case, and are drawn again when they are missing.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from inspection.images.image_store import (
    ImageStore,
)
from inspection.images.local_image_store import LocalImageStore, require_free_space
from inspection.images.s3_image_store import S3ImageStore
from inspection.models import Inspection
from inspection.refusals import DiskFull
from mltasks.storage import atomic_files, file_cache, object_store
from mltasks.vision.data import decoding, image_facts
from mltasks.vision.data.bit_depths import FULL_DEPTH, MIN_DEPTH
from mltasks.vision.types import InputSize, Roi

logger = logging.getLogger(__name__)
EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "BMP": "bmp", "WEBP": "webp", "TIFF": "tif"}
CONTENT_TYPES = {name: f"image/{name.lower()}" for name in EXTENSIONS}


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image that is kept: its name, which is its path below MEDIA_ROOT, its sha256 and its size in bytes."""

    name: str
    sha256: str
    size: int


def stream_sha256(stream: BinaryIO) -> str:
    """The hash of the whole stream, which is left at its start."""
    stream.seek(0)
    found = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        found.update(chunk)
    stream.seek(0)
    return found.hexdigest()


def store(stream: BinaryIO, image_format: str) -> StoredImage:
    """Keep the bytes under their hash, durably before it returns. Whole ones that are there are not written again.

    Raises DiskFull when the disk is full or would have less than MIN_FREE_DISK_BYTES left, and StoreUnavailable when
    the bucket is away.
    """
    sha256 = stream_sha256(stream)
    size = stream.seek(0, os.SEEK_END)
    name = f"images/{sha256[:2]}/{sha256}.{EXTENSIONS[image_format]}"
    image_store().put(stream, name, sha256, size)
    stream.seek(0)
    return StoredImage(name, sha256, size)


def exists(stored: StoredImage) -> bool:
    """Whether it is there, whole. Raises StoreUnavailable when the bucket is away."""
    return image_store().exists(stored.name, stored.size)


def image_store() -> ImageStore:
    """Where images are kept for good, as MEDIA_STORE says."""
    return S3ImageStore() if object_store.is_shared() else LocalImageStore()


def store_thumbnail(sha256: str, jpeg: bytes, bit_depth: int | None = None) -> Path:
    """Keep a thumbnail on this machine. Not synced: it can be drawn again. Raises DiskFull."""
    path = _thumbnail_path(sha256, bit_depth)
    with require_free_space(object_store.root(), len(jpeg)):
        if not atomic_files.exists_with_size(path, len(jpeg)):
            atomic_files.write(path, lambda draft: draft.write(jpeg), draft_dir=object_store.draft_dir(), durable=False)
            if object_store.is_shared():
                file_cache.record_growth(len(jpeg))
    return path


def store_thumbnail_at_intake(sha256: str, jpeg: bytes, bit_depth: int | None = None) -> None:
    """Keep a thumbnail while it is at hand. Raises DiskFull, but not beside a bucket: the image is safe there, and the
    thumbnail is drawn when somebody looks."""
    try:
        store_thumbnail(sha256, jpeg, bit_depth)
    except DiskFull as error:
        if not object_store.is_shared():
            raise
        logger.warning("No thumbnail of %s: %s", sha256, error)


def ensure_thumbnail(inspection: Inspection) -> Path:
    """The path of its thumbnail, drawn again when missing or empty. Raises FileNotFoundError without the image."""
    path = _thumbnail_path(inspection.image_sha256, inspection.bit_depth)
    if path.exists() and path.stat().st_size:
        if object_store.is_shared():
            file_cache.touch(path)
        return path
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    jpeg = decoding.thumbnail(image_path(inspection), limits=limits, bit_depth=inspection.bit_depth)
    return store_thumbnail(inspection.image_sha256, jpeg, inspection.bit_depth)


def image_path(inspection: Inspection) -> Path:
    """Where its image lies on this machine, fetched first where a bucket has it. Raises StoreAway, and
    FileNotFoundError when the bucket lacks it."""
    return object_store.local_path(inspection.image_name, inspection.image_sha256)


def open_image(inspection: Inspection) -> BinaryIO:
    """Open the stored image for reading. Raises FileNotFoundError."""
    return image_path(inspection).open("rb")


def load_image(inspection: Inspection, size: InputSize) -> decoding.LoadedImage:
    """Decode its region of interest for ``size``. Raises FileNotFoundError, and ImageError as ``images.load``."""
    roi = Roi.from_stored(inspection.roi)
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    path, depth = image_path(inspection), inspection.bit_depth
    return decoding.load(path, roi=roi, size=size, limits=limits, bit_depth=depth)


def render_png(inspection: Inspection) -> bytes:
    """The whole image, upright, as a PNG of 8-bit RGB. Raises FileNotFoundError."""
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    out = io.BytesIO()
    loaded = decoding.load(image_path(inspection), limits=limits, bit_depth=inspection.bit_depth)
    loaded.pixels.save(out, "PNG", compress_level=1)
    return out.getvalue()


def browser_shows_original(inspection: Inspection) -> bool:
    """Return True if browsers show the file as models see it: not TIFF, few bits of 16, or transparency. Raises
    FileNotFoundError."""
    if inspection.image_format == "JPEG":
        return True
    if inspection.image_format == "TIFF" or (inspection.bit_depth or FULL_DEPTH) < FULL_DEPTH:
        return False
    return not image_facts.is_transparent(image_path(inspection))


def thumbnail_bytes(sha256: str) -> int:
    """The bytes of its thumbnails on this machine, 0 without one."""
    return sum(path.stat().st_size for path in _thumbnail_paths(sha256) if path.is_file())


def remove_image(name: str, sha256: str) -> int:
    """Remove an image with its thumbnail and return their bytes. Hold the image's lock, and see that no row names it.
    Raises OSError. Other machines' thumbnails and copies are caches, which forget."""
    freed = thumbnail_bytes(sha256)
    for path in _thumbnail_paths(sha256):
        path.unlink(missing_ok=True)
    return freed + (0 if name.startswith("thumbs/") else image_store().remove(name))


def remove_old_drafts() -> int:
    """Remove the unfinished files that killed processes left behind; return how many."""
    return atomic_files.remove_old_drafts(object_store.draft_dir())


def _thumbnail_path(sha256: str, bit_depth: int | None) -> Path:
    # The same bytes look otherwise when another bit depth counts for their station.
    depth = "" if bit_depth is None else f".{bit_depth}"
    return object_store.root() / "thumbs" / sha256[:2] / f"{sha256}{depth}.jpg"


def _thumbnail_paths(sha256: str) -> Iterator[Path]:
    for depth in (None, *range(MIN_DEPTH, FULL_DEPTH + 1)):
        yield _thumbnail_path(sha256, depth)
