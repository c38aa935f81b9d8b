"""File names as text; a name on disk may have any encoding and any characters."""

from __future__ import annotations

import os
import unicodedata


def readable_filename(name: str) -> str:
    r"""Return a file name as valid text: bytes that are not UTF-8 become ``\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def printable_filename(name: str) -> str:
    """Return a file name as one line of text without control characters for a terminal."""
    return "".join(
        sign.encode("unicode_escape").decode() if unicodedata.category(sign) == "Cc" else sign
        for sign in readable_filename(name)
    )
