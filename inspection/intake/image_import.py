"""Import of images from folders, without lease or scoring; equal bytes are one inspection."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from inspection.images import image_files
from inspection.intake import intake_steps
from inspection.intake.submission import Submission
from inspection.models import Inspection
from inspection.scoring import scoring
from mltasks.vision.data import decoding


def import_image(submission: Submission, *, folder_bit_depth: int = 0) -> Inspection:
    """Store one image of a folder and return its inspection, new or from an earlier import.

    The caller's transaction may include the label. ``folder_bit_depth`` is the bit depth of 16-bit images that state
    none; larger pixel values raise it. Raises ImageError, and the refusals FileTooLarge, DiskFull and StoreUnavailable.
    """
    intake_steps.check_file_size(submission.image)
    return _find_earlier(submission) or _import_new(submission, folder_bit_depth)


def _import_new(submission: Submission, folder_bit_depth: int) -> Inspection:
    loaded = intake_steps.decode(submission, scoring.UNSCORED_SIZE, lambda needed: max(needed, folder_bit_depth))
    if loaded.damage:
        # A damaged file from a camera goes to review; an imported label gets no review, so the file is refused.
        raise decoding.ImageError("damaged_image", f"The file is damaged ({loaded.damage}). Export it again.")
    stored = image_files.store(submission.image, loaded.header.format)
    try:
        with transaction.atomic():
            inspection = intake_steps.insert(
                submission,
                stored,
                loaded.header,
                source=Inspection.Source.IMPORT,
                state=Inspection.State.IMPORTED,
                bit_depth=loaded.bit_depth,
            )
    except IntegrityError:
        # A concurrent import of the same file committed first.
        first = _find_earlier(submission)
        if first is None:
            raise
        return first
    if intake_steps.is_sharp_enough(loaded):
        image_files.store_thumbnail_at_intake(stored.sha256, loaded.thumbnail(), loaded.bit_depth)
    return inspection


def _find_earlier(submission: Submission) -> Inspection | None:
    """Return the inspection of an earlier import of the same bytes."""
    sha256 = image_files.stream_sha256(submission.image)
    imported = Inspection.objects.filter(product=submission.product, source=Inspection.Source.IMPORT)
    same_bytes = imported.filter(image_sha256=sha256)
    return same_bytes.with_version().select_related("product__registered_model", "station").first()
