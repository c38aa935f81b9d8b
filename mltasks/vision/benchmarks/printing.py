"""Printing of all benches: one line at a time, at once."""

from __future__ import annotations

import sys
from collections.abc import Callable

Say = Callable[[str], None]


def say(line: str) -> None:
    """Print one line without delay."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
