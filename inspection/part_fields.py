"""What a sender may say about a part, checked before it reaches the database."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

METADATA_BYTES = 16 * 1024
METADATA_DEPTH = 16
# What every JSON reader holds exactly as an integer is less; beyond 64 bits most fail.
LARGEST_INTEGER = 2**63 - 1


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
    _check(values, METADATA_DEPTH)
    return values


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError(f"Metadata may be nested {METADATA_DEPTH} levels deep.")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth - 1)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int | float):
        _check_number(value)


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("Metadata may not contain NUL characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("Metadata may not contain half of a surrogate pair.") from None


def _check_number(number: float) -> None:
    if isinstance(number, int):
        if abs(number) > LARGEST_INTEGER:
            raise ValueError("Integers in metadata must fit into 64 bits.")
    elif not math.isfinite(number):
        raise ValueError("Numbers in metadata must be finite.")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
