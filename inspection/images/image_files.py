"""Image files named by their content: whole or absent, and stored once for the same bytes.

MEDIA_STORE selects the store: `local_image_store` or `s3_image_store`. Thumbnails are always on this machine's disk,
and are drawn again if missing.
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

from inspection.images.image_store import ImageStore
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


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Stored image: name (its path below MEDIA_ROOT), sha256 and size in bytes."""

    name: str
    sha256: str
    size: int


def stream_sha256(stream: BinaryIO) -> str:
    """Return the sha256 of the whole stream and rewind the stream."""
    stream.seek(0)
    digest = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    stream.seek(0)
    return digest.hexdigest()


def store(stream: BinaryIO, image_format: str) -> StoredImage:
    """Store the bytes under their hash, durably, unless they are stored already.

    Raises DiskFull if the disk is full or would have less than MIN_FREE_DISK_BYTES left, and StoreUnavailable if the
    bucket is unreachable.
    """
    sha256 = stream_sha256(stream)
    size = stream.seek(0, os.SEEK_END)
    name = f"images/{sha256[:2]}/{sha256}.{EXTENSIONS[image_format]}"
    image_store().put(stream, name, sha256, size)
    stream.seek(0)
    return StoredImage(name, sha256, size)


def exists(stored: StoredImage) -> bool:
    """Return True if the whole image is stored. Raises StoreUnavailable if the bucket is down."""
    return image_store().exists(stored.name, stored.size)


def image_store() -> ImageStore:
    """Return the permanent image store that MEDIA_STORE selects."""
    return S3ImageStore() if object_store.is_shared() else LocalImageStore()


def store_thumbnail(sha256: str, jpeg: bytes, bit_depth: int | None = None) -> Path:
    """Store a thumbnail here, unsynced because it can be redrawn. Raises DiskFull."""
    path = _thumbnail_path(sha256, bit_depth)
    with require_free_space(object_store.root(), len(jpeg)):
        if not atomic_files.exists_with_size(path, len(jpeg)):
            atomic_files.write(path, lambda draft: draft.write(jpeg), draft_dir=object_store.draft_dir(), durable=False)
            if object_store.is_shared():
                file_cache.record_growth(len(jpeg))
    return path


def store_thumbnail_at_intake(sha256: str, jpeg: bytes, bit_depth: int | None = None) -> None:
    """Store a thumbnail from decoded pixels. Raises DiskFull if images are on the same disk.

    With a bucket, a full disk is only logged: the image is safe, and the thumbnail is drawn on demand.
    """
    try:
        store_thumbnail(sha256, jpeg, bit_depth)
    except DiskFull as error:
        if not object_store.is_shared():
            raise
        logger.warning("Could not store the thumbnail of %s. It is drawn on request: %s", sha256, error)


def ensure_thumbnail(inspection: Inspection) -> Path:
    """Return the thumbnail's path, redrawn if missing or empty. Raises FileNotFoundError."""
    path = _thumbnail_path(inspection.image_sha256, inspection.bit_depth)
    if path.exists() and path.stat().st_size:
        if object_store.is_shared():
            file_cache.touch(path)
        return path
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    jpeg = decoding.thumbnail(image_path(inspection), limits=limits, bit_depth=inspection.bit_depth)
    return store_thumbnail(inspection.image_sha256, jpeg, inspection.bit_depth)


def image_path(inspection: Inspection) -> Path:
    """Return the local path, downloaded if needed. Raises StoreUnreachable, FileNotFoundError."""
    return object_store.local_path(inspection.image_name, inspection.image_sha256)


def open_image(inspection: Inspection) -> BinaryIO:
    """Open the stored image for reading. Raises FileNotFoundError."""
    return image_path(inspection).open("rb")


def load_image(inspection: Inspection, size: InputSize) -> decoding.LoadedImage:
    """Decode the region of interest for ``size``. Raises FileNotFoundError and ImageError."""
    roi = Roi.from_stored(inspection.roi)
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    path, depth = image_path(inspection), inspection.bit_depth
    return decoding.load(path, roi=roi, size=size, limits=limits, bit_depth=depth)


def render_png(inspection: Inspection) -> bytes:
    """Return the whole upright image as an 8-bit RGB PNG. Raises FileNotFoundError."""
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    out = io.BytesIO()
    loaded = decoding.load(image_path(inspection), limits=limits, bit_depth=inspection.bit_depth)
    loaded.pixels.save(out, "PNG", compress_level=1)
    return out.getvalue()


def browser_shows_original(inspection: Inspection) -> bool:
    """Return True if browsers display the file as models see it, or if the file is missing.

    False for TIFF, for bit depths below 16 stored in 16 bits, and for transparency.
    """
    if inspection.image_format == "JPEG":
        return True
    if inspection.image_format == "TIFF" or (inspection.bit_depth or FULL_DEPTH) < FULL_DEPTH:
        return False
    try:
        return not image_facts.is_transparent(image_path(inspection))
    except FileNotFoundError:
        return True


def thumbnail_bytes(sha256: str) -> int:
    """Return the bytes of the image's thumbnails on this machine, 0 without one."""
    return sum(path.stat().st_size for path in _thumbnail_paths(sha256) if path.is_file())


def remove_image(name: str, sha256: str) -> int:
    """Remove an image with its thumbnails and return the freed bytes. Raises OSError.

    The caller holds the image's lock and has checked that no row names the image. Thumbnails and copies on other
    machines are caches that evict old files.
    """
    freed = thumbnail_bytes(sha256)
    for path in _thumbnail_paths(sha256):
        path.unlink(missing_ok=True)
    return freed + (0 if name.startswith("thumbs/") else image_store().remove(name))


def _thumbnail_path(sha256: str, bit_depth: int | None) -> Path:
    # The thumbnail depends on the bit depth, which may differ between stations.
    depth = "" if bit_depth is None else f".{bit_depth}"
    return object_store.root() / "thumbs" / sha256[:2] / f"{sha256}{depth}.jpg"


def _thumbnail_paths(sha256: str) -> Iterator[Path]:
    for depth in (None, *range(MIN_DEPTH, FULL_DEPTH + 1)):
        yield _thumbnail_path(sha256, depth)
