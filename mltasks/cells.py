"""Cells of a CSV, safe to open in a spreadsheet."""

from __future__ import annotations

# A spreadsheet runs a cell that begins so (OWASP, CSV injection); tab and return lead there, too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(text: str) -> str:
    """The text, behind an apostrophe where a spreadsheet would run it."""
    return f"'{text}" if text.startswith(_FORMULA) else text
