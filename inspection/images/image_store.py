"""Interface of the image stores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol


class StoredObject(NamedTuple):
    """Stored file: name, size in bytes, and time of writing in seconds since 1970."""

    name: str
    size: int
    modified_at: float


class ImageStore(Protocol):
    """Permanent store of images."""

    def put(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Store the whole stream of ``size`` bytes under the name, unless it is stored already.

        The image is durable when this returns. Raises a refusal if the image can't be stored now.
        """

    def exists(self, name: str, size: int) -> bool:
        """Return True if the object exists with this size. Raises a refusal if that is unknown."""

    def remove(self, name: str) -> int:
        """Remove the object if it exists; return its bytes. Raises OSError and StoreUnreachable."""

    def list(self, folder: str) -> Iterator[StoredObject]:
        """List all images in the folder. Raises OSError and StoreUnreachable."""
