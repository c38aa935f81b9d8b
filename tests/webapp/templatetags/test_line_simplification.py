"""A line of thousands of points is drawn by few, and looks the same."""

from __future__ import annotations

import math
import random
from itertools import pairwise

from mltasks.vision.evaluation.chart import step_line
from webapp.templatetags.line_simplification import Point, downsample, simplify_line


def height_at(points: list[Point], x: float) -> float:
    """Of the line through the points, at x."""
    for (ax, ay), (bx, by) in pairwise(points):
        if ax <= x <= bx and bx > ax:
            return ay + (by - ay) * (x - ax) / (bx - ax)
    raise AssertionError(x)


def test_a_smooth_line_needs_few_points_and_no_point_is_passed_far_off() -> None:
    line = [(x / 100, 10 * math.sin(x / 3000)) for x in range(20_000)]
    few = simplify_line(downsample(line, 2.0), 0.4)
    assert len(few) < 40
    assert max(abs(height_at(few, x) - y) for x, y in line[1:-1]) <= 0.5


def test_of_a_column_its_highest_and_lowest_point_stay() -> None:
    chance = random.Random(1)
    line = [(x / 1000, chance.random()) for x in range(10_000)]
    line[4567], line[7654] = (4.567, -9.0), (7.654, 9.0)
    few = downsample(line, 1.0)
    assert len(few) <= 40
    assert (few[0], few[-1], min(few, key=lambda one: one[1]), max(few, key=lambda one: one[1])) == (
        line[0],
        line[-1],
        line[4567],
        line[7654],
    )
    # A spike that returns to where it began is no straight line.
    assert simplify_line([(0, 0), (0, 5), (0, 0), (1, 0)], 0.4) == [(0, 0), (0, 5), (0, 0), (1, 0)]


def test_precision_holds_up_to_its_recall() -> None:
    assert step_line([(0.5, 1.0), (0.5, 0.8), (1.0, 0.6)]) == [(0.0, 1.0), (0.5, 1.0), (0.5, 0.6), (1.0, 0.6)]
    assert downsample([], 1.0) == simplify_line([], 1.0) == []
