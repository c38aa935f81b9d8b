"""Strict JSON parser for untrusted input: unique names, finite numbers, storable characters."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from mltasks.text.storable import SURROGATE

# The escape must follow an even number of backslashes: these stand for backslash characters.
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# Python refuses longer integers with a message for programmers.
MAX_DIGITS = 4000


def parse(raw: bytes) -> Any:
    """Return the parsed value.

    Raises ValueError, with a text for people, for invalid UTF-8 or JSON, repeated names and too deep nesting. Also
    refused are NaN, infinity, 1e999, integers of more than MAX_DIGITS digits, and characters that a database cannot
    store.
    """
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_refuse_duplicate_names,
            parse_constant=_refuse_constant,
            parse_float=_parse_finite,
            parse_int=_parse_integer,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    # Escapes that stand for no storable character: a zero byte, half of a surrogate pair.
    if _NUL_ESCAPE.search(text):
        raise ValueError("it contains a NUL character")
    if "\\ud" in text.lower() and SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("it contains half of a surrogate pair")
    return value


def _refuse_duplicate_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError("a name occurs twice in an object")
    return names


def _parse_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _parse_integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"an integer has more than {MAX_DIGITS:,} digits")
    return int(text)


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a finite number")
