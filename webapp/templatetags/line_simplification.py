"""Line simplification: fewer points for the same picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import hypot

Point = tuple[float, float]


def downsample(points: Sequence[Point], column_width: float) -> list[Point]:
    """Keep the first, last, lowest and highest point of each column of ``column_width``.

    Drawn at that column width, the line is the same (M4: Jugel et al., VLDB 2014). ``points`` ascend in x.
    """
    kept_points: list[Point] = []
    for _, group in groupby(points, key=lambda point: point[0] // column_width):
        kept_points += _extremes(list(group))
    return kept_points


def _extremes(members: Sequence[Point]) -> Iterable[Point]:
    order = range(len(members))
    kept = {0, len(members) - 1}
    kept |= {min(order, key=lambda at: members[at][1]), max(order, key=lambda at: members[at][1])}
    return (members[at] for at in sorted(kept))


def simplify_line(points: Sequence[Point], tolerance: float) -> list[Point]:
    """Reduce points so that the line passes every dropped point within ``tolerance``.

    Ramer 1972; Douglas and Peucker 1973.
    """
    kept = {0, len(points) - 1}
    stretches = [(0, len(points) - 1)]
    while stretches:
        begin, end = stretches.pop()
        off = {at: _distance_to_segment(points, begin, end, at) for at in range(begin + 1, end)}
        farthest = max(off, key=off.__getitem__, default=None)
        if farthest is not None and off[farthest] > tolerance:
            kept.add(farthest)
            stretches += [(begin, farthest), (farthest, end)]
    return [points[at] for at in sorted(kept)] if points else []


def _distance_to_segment(points: Sequence[Point], begin: int, end: int, at: int) -> float:
    """Return the distance of a point from the segment between two other points."""
    (ax, ay), (bx, by), (x, y) = points[begin], points[end], points[at]
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length if length else 0.0
    along = min(1.0, max(0.0, along))
    return hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
