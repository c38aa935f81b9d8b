"""What a sender may say about a part, checked before it reaches the database."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from mltasks import storable

METADATA_BYTES = 16 * 1024
METADATA_DEPTH = 16


def read_metadata(text: str) -> dict[str, Any]:
    """Parse a JSON object that PostgreSQL can store and any client can read back.

    Raises ValueError, with the reason in words, for anything else: too long, too deep, no object, NUL characters, lone
    surrogates, numbers beyond 64 bits, NaN and infinities.
    """
    if len(text.encode("utf-8", "surrogatepass")) > METADATA_BYTES:
        raise ValueError(f"Metadata may have at most {METADATA_BYTES:,} bytes.")
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("Metadata is nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"Metadata is not JSON: {error}.") from None
    if not isinstance(values, dict):
        raise ValueError("Metadata must be a JSON object.")
    storable.check_json(values, METADATA_DEPTH)
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
