"""Marks: shares of the upright whole image, read from JSON and refused outside it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from mltasks.vision.types import MARKS_LIMIT, Mark, Sample, parse_marks


def test_a_mark_survives_json() -> None:
    marks = (Mark(0.25, 0.5, 0.125, 0.0625), Mark(1, 0))
    stored = json.loads(json.dumps([mark.to_json() for mark in marks]))
    assert parse_marks(stored) == marks


def test_a_point_needs_no_size() -> None:
    assert Mark.from_json({"left": 0.5, "top": 0.25}) == Mark(0.5, 0.25, 0, 0)


def test_a_number_has_one_spelling() -> None:
    spelled = [json.dumps(mark.to_json()) for mark in (Mark(-0.0, 1, 0, 0), Mark(0, 1.0000000001 - 1e-9))]
    assert spelled == ['{"left": 0.0, "top": 1.0, "width": 0.0, "height": 0.0}'] * 2
    assert Mark(1 / 3, 0).left == 0.333333


def test_sides_that_add_up_to_the_image_may_round() -> None:
    assert Mark(0.7, 0.1, 0.3000000001, 0.9).left == 0.7


@pytest.mark.parametrize(
    "values",
    [
        (-0.01, 0, 0, 0),
        (0, 1.01, 0, 0),
        (0.5, 0.5, 0.51, 0.1),
        (0.5, 0.5, 0.1, 0.51),
        (0.5, 0.5, -0.1, 0.1),
        (math.nan, 0, 0, 0),
        (0, 0, math.inf, 0),
        ("0.5", 0, 0, 0),
        (True, 0, 0, 0),
        (None, 0, 0, 0),
        (0, 0, 10**400, 0),
    ],
)
def test_a_mark_outside_the_image_is_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"^A mark"):
        Mark(*values)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "left",
        {"left": 0.5, "top": 0.5},
        [[0.1, 0.2, 0.3, 0.4]],
        [{"left": 0.5}],
        [{"left": 0.5, "top": 0.5, "color": "red"}],
        [{"left": 0.5, "top": 0.5, 3: 4}],
        [{"left": [], "top": {}}],
        [{"left": 0.5, "top": 0.5}] * (MARKS_LIMIT + 1),
    ],
)
def test_other_json_is_refused(stored: object) -> None:
    with pytest.raises(ValueError, match=r"^(A mark|Marks|A label has at most 8 marks)"):
        parse_marks(stored)


def test_a_sample_without_marks_says_nothing_about_the_place() -> None:
    sample = Sample("a.jpg", "0" * 64, Path("a.jpg"), 1, "a")
    assert (sample.marks, sample.mask) == ((), None)
