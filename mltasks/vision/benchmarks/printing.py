"""Printing for all benches: lines without delay, and the result last."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

PrintLine = Callable[[str], None]


def print_line(line: str) -> None:
    """Print one line and flush."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def print_verdict(faults: Sequence[str], summary: str = "") -> int:
    """Print each fault, then PASS or FAIL. Return the exit status: 0 without a fault, else 1."""
    for fault in faults:
        print_line(f"WRONG  {fault}")
    print_line(f"{'FAIL' if faults else 'PASS'}{f': {summary}' if summary else ''}")
    return int(bool(faults))
