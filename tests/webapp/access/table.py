"""Reader of the access tables: one line a method and a route, one column a sender.

``POST part-score,part-{correct,undo} login 403 302+ …``: names in braces stand for several routes. A cell is the
answer's status; ``login`` is the redirect to a login page, and ``+`` says that rows were written.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

SENDERS = ("anonymous", "no-group", "reviewer", "manager", "admin", "own-station", "other-station", "revoked-key")
PEOPLE = SENDERS[1:5]
TABLES = ("pages", "rest", "admin")
_BRACES = re.compile(r"\{([^{}]*)\}")
_BETWEEN_NAMES = re.compile(r",(?![^{]*\})")


@dataclass(frozen=True)
class Row:
    """One line of a table: what each sender gets from a route by a method."""

    method: str
    route: str
    cells: tuple[str, ...]


def read_table(name: str) -> list[Row]:
    """Return the rows of one table. Raises ValueError for a line that does not have all columns."""
    lines = Path(__file__).with_name(f"{name}.txt").read_text().splitlines()
    return [row for line in lines if line.strip() and not line.startswith("#") for row in _rows(line)]


def _rows(line: str) -> list[Row]:
    methods, routes, *cells = line.split()
    if len(cells) != len(SENDERS):
        raise ValueError(f"{len(cells)} cells instead of {len(SENDERS)}: {line}")
    return [
        Row(method, route, tuple(cells))
        for method in methods.split(",")
        for name in _BETWEEN_NAMES.split(routes)
        for route in _expanded(name)
    ]


def _expanded(text: str) -> list[str]:
    """Return the names that braces stand for: ``a-{b,c}`` is ``a-b`` and ``a-c``."""
    pieces = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(_BRACES.split(text))]
    return ["".join(choice) for choice in itertools.product(*pieces)]
