"""What a sender may say about a part, checked before it reaches the database."""

from __future__ import annotations

from typing import Any

from mltasks.text import storable, strict_json

MAX_METADATA_BYTES = 16 * 1024
MAX_METADATA_DEPTH = 16


def read_metadata(text: str) -> dict[str, Any]:
    """Parse a JSON object that PostgreSQL can store and any client can read back.

    Raises ValueError, with the reason in words, for more than METADATA_BYTES, for what is no object, and as
    ``read_json``.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_METADATA_BYTES:
        raise ValueError(f"Metadata may have at most {MAX_METADATA_BYTES:,} bytes.")
    values = read_json(raw, MAX_METADATA_DEPTH)
    if not isinstance(values, dict):
        raise ValueError("Metadata must be a JSON object.")
    return values


def read_json(raw: bytes, max_depth: int) -> Any:
    """Parse JSON whose meaning no reader can mistake.

    Raises ValueError, with the reason in words, for what is no JSON or nested more than ``max_depth`` levels deep,
    names
    that an object has twice, NUL characters, lone surrogates, numbers beyond 64 bits, NaN and infinities.
    """
    values = strict_json.parse(raw)
    storable.check_json(values, max_depth)
    return values
