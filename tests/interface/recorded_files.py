"""Recorded files: comparison with a collected list, or rewriting in recording mode."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "recorded"
# Environment variable that makes `check` write the file instead of comparing it
RECORD = "RECORD_INTERFACE"


def check_lines(name: str, lines: Iterable[str]) -> None:
    """Compare sorted unique lines with the recorded file; refuse an empty list."""
    collected = sorted(set(lines))
    assert collected, f"Nothing was collected for {name}: does the collector still find its source?"
    check_text(name, "".join(f"{line}\n" for line in collected))


def check_text(name: str, collected: str) -> None:
    """Fail with a diff unless the recorded file ``name`` equals the collected text."""
    path = FOLDER / name
    if os.environ.get(RECORD):
        path.write_text(collected, encoding="utf-8")
        return
    recorded = path.read_text(encoding="utf-8") if path.exists() else ""
    if recorded != collected:
        pytest.fail(_explain(name, recorded, collected), pytrace=False)


def _explain(name: str, recorded: str, collected: str) -> str:
    diff = difflib.unified_diff(recorded.splitlines(), collected.splitlines(), "recorded", "now", n=1, lineterm="")
    return (
        f"The outside interface differs from tests/interface/recorded/{name}.\n"
        "If clients, operators and stored data can live with the change, write the files anew with\n"
        "`python -m tests.interface`, read the difference and commit it.\n\n" + "\n".join(diff)
    )
