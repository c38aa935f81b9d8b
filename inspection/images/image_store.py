"""One image as a store lists it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol


class StoredObject(NamedTuple):
    """Its name, its size in bytes, and when it was written, in seconds since 1970."""

    name: str
    size: int
    modified_at: float


class ImageStore(Protocol):
    """Where images are kept for good."""

    def put(self, image: BinaryIO, name: str, sha256: str, size: int) -> None:
        """Keep the whole stream of ``size`` bytes under the name, unless it is there. What this returns from is never
        lost. Raises a refusal when it can't be kept now."""

    def exists(self, name: str, size: int) -> bool:
        """Whether it is there with so many bytes. Raises a refusal when that can't be said now."""

    def remove(self, name: str) -> int:
        """Remove it, if it is there; return its bytes. Raises OSError and StoreAway."""

    def list(self, folder: str) -> Iterator[StoredObject]:
        """All images whose names begin with this folder's. Raises OSError and StoreAway."""
