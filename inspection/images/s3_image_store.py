"""Images kept in an S3-compatible bucket that several machines share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.utils.translation import gettext as _

from inspection.images.image_store import Kept
from inspection.refusals import StoreUnavailable
from mltasks.storage import object_store
from mltasks.storage.store_errors import StoreAway

RETRY_AFTER = 5  # seconds


class BucketImages:
    """Each image is whole in the bucket once it is kept; the server has checked its sha256."""

    def keep(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Put the object, unless it is there. Raises StoreUnavailable: then nothing was taken."""
        with _or_refused():
            object_store.images().put_once(name, image, sha256, size)

    def holds(self, name: str, size: int) -> bool:
        """Whether the object is there: one question to the bucket. Raises StoreUnavailable."""
        with _or_refused():
            return object_store.images().size_of(name) == size

    def remove(self, name: str) -> int:
        """Remove the object. Raises StoreAway."""
        size = object_store.images().size_of(name)
        if size is not None:
            object_store.images().remove(name)
        return size or 0

    def listing(self, folder: str) -> Iterator[Kept]:
        """The objects below a folder. Raises StoreAway."""
        return (Kept(*one) for one in object_store.images().listing(f"{folder}/"))


@contextmanager
def _or_refused() -> Iterator[None]:
    try:
        yield
    except StoreAway as error:
        said = _("The store of images is away. The image was not taken: send it again in a few seconds.")
        raise StoreUnavailable(said, retry_after=RETRY_AFTER) from error
