"""Rules for text and JSON that PostgreSQL can store and that any client can read back."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django.http import QueryDict

# ASCII control characters; a name or an address is one line, a comment may have several.
LINE_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
TEXT_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NUL = re.compile(r"\x00")
SURROGATE = re.compile(r"[\ud800-\udfff]")
_JOINERS = "\u200c\u200d"
# Most JSON readers fail beyond 64 bits, and some lose precision below that.
MAX_INTEGER = 2**63 - 1


class UnstorableFieldError(ValueError):
    """Field whose name or value cannot be stored."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name!a}: {reason}")
        self.name = name
        self.reason = reason


def check_text(text: str, controls: re.Pattern[str] = TEXT_CONTROLS) -> None:
    """Refuse text with a control character or half of a surrogate pair.

    Raises ValueError with a text for people.
    """
    if character := controls.search(text):
        raise ValueError(f"Control characters cannot be stored. Remove U+{ord(character[0]):04X}.")
    if character := SURROGATE.search(text):
        raise ValueError(f"Half of a surrogate pair cannot be stored. Remove U+{ord(character[0]):04X}.")


def visible_text(text: str) -> str:
    """Return the trimmed text; empty if the text has no visible character."""
    is_visible = any(unicodedata.category(character)[0] not in "CZ" for character in text)
    return text.strip() if is_visible else ""


def check_formatting(text: str) -> None:
    """Refuse invisible characters such as U+200B and U+202E.

    With such characters two different texts can look equal. Joiners that spell words (U+200C, U+200D) pass. Raises
    ValueError with a text for people.
    """
    for character in text:
        if unicodedata.category(character) == "Cf" and character not in _JOINERS:
            raise ValueError(f"Invisible characters are not allowed. Remove U+{ord(character):04X}.")


def check_fields(fields: QueryDict, controls: re.Pattern[str] = TEXT_CONTROLS) -> None:
    """Refuse a form or query if `check_text` refuses the name or a value of a field.

    Raises UnstorableFieldError.
    """
    for name, values in fields.lists():
        for text in (name, *map(str, values)):
            try:
                check_text(text, controls)
            except ValueError as error:
                raise UnstorableFieldError(name, str(error)) from None


def check_json(value: Any, depth: int, controls: re.Pattern[str] = _NUL) -> None:
    """Refuse JSON that is nested deeper than ``depth`` or has unstorable texts or integers.

    Texts are checked by `check_text`; integers must fit into 64 bits. `strict_json.parse` refuses NaN and infinities.
    Raises ValueError with a text for people.
    """
    level = [value]
    for _ in range(depth):
        inner: list[Any] = []
        for element in level:
            if isinstance(element, dict):
                inner += [*element, *element.values()]
            elif isinstance(element, list):
                inner += element
            else:
                _check_scalar(element, controls)
        level = inner
    if level:
        raise ValueError(f"JSON may be nested at most {depth} levels deep.")


def _check_scalar(value: Any, controls: re.Pattern[str]) -> None:
    if isinstance(value, str):
        check_text(value, controls)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError("Integers must fit into 64 bits.")
