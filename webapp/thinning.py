"""Fewer points for a line that looks the same: no page carries more of a curve than its pixels show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

Point = tuple[float, float]


def thin(points: Sequence[Point], column: float) -> list[Point]:
    """Of each column, so wide, the first, last, lowest and highest point: drawn in columns as wide, the line through
    them is the line through all (M4: Jugel et al., VLDB 2014). ``points`` ascend in x."""
    found: list[Point] = []
    for _, group in groupby(points, key=lambda point: point[0] // column):
        found += _ends(list(group))
    return found


def _ends(members: Sequence[Point]) -> Iterable[Point]:
    order = range(len(members))
    kept = {0, len(members) - 1}
    kept |= {min(order, key=lambda at: members[at][1]), max(order, key=lambda at: members[at][1])}
    return (members[at] for at in sorted(kept))


def staircase(levels: Sequence[Point]) -> list[Point]:
    """The corners of a line that has each level's height up to its x, from x = 0 on: precision by recall."""
    corners: list[Point] = []
    left = 0.0
    for x, y in levels:
        corners += [(left, y), (x, y)]
        left = x
    return corners
