"""Steps shared by ``receive`` and ``import_image``: size check, decoding, row insertion."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connection
from django.db.models import DurationField
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from inspection.images import image_files, image_locks
from inspection.intake.submission import Submission
from inspection.models import Inspection
from inspection.refusals import FileTooLarge
from mltasks.models.prepared_queries import Param, PreparedInsert
from mltasks.vision.data import decoding
from mltasks.vision.data.bit_depths import ResolveBitDepth
from mltasks.vision.types import InputSize, Roi

MAX_FILENAME_LENGTH = 200
_INSERT = PreparedInsert(Inspection, lease_expires_at=Now() + Param("lease", DurationField()))


def check_file_size(image: BinaryIO) -> None:
    """Raise FileTooLarge if the image has more than MAX_IMAGE_BYTES bytes."""
    size = image.seek(0, 2)
    image.seek(0)
    if size > settings.MAX_IMAGE_BYTES:
        text = _("The file has {size} bytes. Send at most {limit} bytes.")
        raise FileTooLarge(text.format(size=f"{size:,}", limit=f"{settings.MAX_IMAGE_BYTES:,}"))


def decode(submission: Submission, size: InputSize, bit_depth: ResolveBitDepth) -> decoding.LoadedImage:
    """Decode the whole file once, for the thumbnail and the scorer. Raises ImageError."""
    limits = decoding.Limits(max_pixels=settings.MAX_IMAGE_PIXELS, min_side=submission.product.min_image_side)
    roi = Roi.from_stored(submission.roi)
    return decoding.load(submission.image, roi=roi, size=size, limits=limits, bit_depth=bit_depth)


def is_sharp_enough(loaded: decoding.LoadedImage) -> bool:
    """Return True if the decoded pixels give as good a thumbnail as the file.

    Other thumbnails are drawn on demand.
    """
    return max(loaded.pixels.size) >= min(decoding.THUMBNAIL_SIDE, max(loaded.width, loaded.height))


def insert(
    submission: Submission,
    stored: image_files.StoredImage,
    header: decoding.ImageHeader,
    *,
    lease: timedelta | None = None,
    **fields: Any,
) -> Inspection:
    """Insert a stored image's row in the caller's transaction; ``fields`` depend on the source.

    ``lease`` is the time until the row's lease expires.
    """
    inspection = Inspection(
        product=submission.product,
        station=submission.station,
        uploaded_by=submission.uploaded_by,
        part_id=submission.part_id,
        captured_at=submission.captured_at,
        metadata=dict(submission.metadata),
        original_filename=submission.filename.replace("\0", "")[:MAX_FILENAME_LENGTH],
        roi=submission.roi,
        idempotency_key=submission.idempotency_key,
        request_sha256=submission.request_sha256(stored.sha256),
        image_name=stored.name,
        image_sha256=stored.sha256,
        image_bytes=stored.size,
        image_format=header.format,
        image_width=header.width,
        image_height=header.height,
        **fields,
    )
    sql, values = _INSERT.bind(inspection, lease=lease)
    with connection.cursor() as cursor:
        # The same statement locks the image: nobody sees the row before the commit.
        cursor.execute(f"{sql} RETURNING {image_locks.LOCK_SHARED}", [*values, image_locks.lock_key(stored.sha256)])
    if not image_files.exists(stored):
        # The image was removed meanwhile with the last part that had the same bytes.
        image_files.store(submission.image, header.format)
    inspection._state.adding, inspection._state.db = False, connection.alias
    # The database computes this field; deleting the attribute reloads the value on access.
    del inspection.lease_expires_at
    return inspection
