"""Image store in an S3-compatible bucket that several machines share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.utils.translation import gettext as _

from inspection.images.image_store import StoredObject
from inspection.refusals import StoreUnavailable
from mltasks.storage import object_store
from mltasks.storage.store_errors import StoreUnreachable

RETRY_AFTER_SECONDS = 5  # seconds


class S3ImageStore:
    """Image store whose server checks the sha256 of each object."""

    def put(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Put the object, unless it exists. Raises StoreUnavailable; nothing is stored then."""
        with _store_errors_as_refusals():
            object_store.image_bucket().put_if_absent(name, image, sha256, size)

    def exists(self, name: str, size: int) -> bool:
        """Return True if the object exists, by one request. Raises StoreUnavailable."""
        with _store_errors_as_refusals():
            return object_store.image_bucket().size_of(name) == size

    def remove(self, name: str) -> int:
        """Remove the object. Raises StoreUnreachable."""
        size = object_store.image_bucket().size_of(name)
        if size is not None:
            object_store.image_bucket().remove(name)
        return size or 0

    def list(self, folder: str) -> Iterator[StoredObject]:
        """List the objects below a folder. Raises StoreUnreachable."""
        return (StoredObject(*entry) for entry in object_store.image_bucket().list(f"{folder}/"))


@contextmanager
def _store_errors_as_refusals() -> Iterator[None]:
    try:
        yield
    except StoreUnreachable as error:
        text = _("The image store cannot be reached. The image was not stored. Send it again in a few seconds.")
        raise StoreUnavailable(text, retry_after=RETRY_AFTER_SECONDS) from error
