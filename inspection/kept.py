"""One image as a store lists it."""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """Its name, its size in bytes, and when it was written, in seconds since 1970."""

    name: str
    size: int
    written: float
