"""Images kept in an S3-compatible bucket that several machines share."""

from __future__ import annotations

from typing import BinaryIO

from django.utils.translation import gettext as _

from inspection.refusals import StoreUnavailable
from mltasks import stored_files
from mltasks.store_errors import StoreAway

RETRY_AFTER = 5  # seconds


class BucketImages:
    """Each image is whole in the bucket once it is kept; the server has checked its sha256."""

    def keep(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Put the object, unless it is there. Raises StoreUnavailable: then nothing was taken."""
        try:
            stored_files.images().put_once(name, image, sha256, size)
        except StoreAway as error:
            said = _("The store of images is away. The image was not taken: send it again in a few seconds.")
            raise StoreUnavailable(said, retry_after=RETRY_AFTER) from error
