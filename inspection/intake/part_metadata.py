"""Checks of the metadata that a sender supplies with a part."""

from __future__ import annotations

from typing import Any

from mltasks.text import storable, strict_json

MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 16


def read_metadata(text: str) -> dict[str, Any]:
    """Parse a JSON object that PostgreSQL can store and any client can read back.

    Raises ValueError with the reason for more than MAX_METADATA_BYTES, for JSON that is no object, and as ``read_json``
    does.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_METADATA_BYTES:
        raise ValueError(f"Metadata may have at most {MAX_METADATA_BYTES:,} bytes.")
    values = read_json(raw, MAX_METADATA_DEPTH)
    if not isinstance(values, dict):
        raise ValueError("Metadata must be a JSON object.")
    return values


def read_json(raw: bytes, max_depth: int) -> Any:
    """Parse JSON strictly, so that all readers get the same values.

    Raises ValueError with the reason for:
    - invalid JSON or more than ``max_depth`` levels
    - duplicate names in an object
    - NUL characters and lone surrogates
    - numbers beyond 64 bits, NaN and infinities
    """
    values = strict_json.parse(raw)
    storable.check_json(values, max_depth)
    return values
