"""The scores behind the promise: what is kept of parts with several images, of many parts, and in JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltasks.vision.guarantees.escape_curve import (
    MAX_STORED_GOOD_IMAGES,
    MAX_STORED_PARTS,
    EscapeCurve,
    ImageScores,
    PassRegion,
)
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee, max_escapes
from mltasks.vision.guarantees.pass_region import choose_pass_region
from mltasks.vision.guarantees.thresholds import FALLBACK_FACTOR, cost_bands, guaranteed_bands
from mltasks.vision.types import Costs

PROMISE = EscapeRateGuarantee()
images = st.builds(ImageScores, st.floats(0, 1), st.floats(0, 3))


def many_parts(count: int) -> EscapeCurve:
    random = np.random.default_rng(count)
    columns = [random.random(2 * count).tolist() for _ in range(2)]
    return EscapeCurve.from_images(*columns, [1] * count + [0] * count, [str(n) for n in range(2 * count)])  # type: ignore[arg-type]


def test_one_image_of_a_defective_part_counts() -> None:
    probabilities, novelty = [0.9, 0.3, 0.01, 0.6, 0.4, 0.02], [0.2, 0.7, 0.1, 0.5, 0.8, 0.4]
    curve = EscapeCurve.from_images(probabilities, novelty, [1, 1, 0, 1, 1, 0], ["a", "a", "a", "b", "a", "c"])

    # The image of part a labeled good does not count.
    assert set(curve.images) - {(0.6, 0.5)} < {(0.9, 0.2), (0.3, 0.7), (0.4, 0.8)}
    assert (0.6, 0.5) in curve.images and curve.part_count == len(curve.images) == 2
    assert curve.good == ((0.01, 0.1), (0.02, 0.4))


@given(shown=st.lists(images, min_size=2, max_size=6))
def test_the_image_that_counts_does_not_depend_on_the_scores(shown: list[ImageScores]) -> None:
    def counted(scores: list[ImageScores]) -> int:
        columns = [list(column) for column in zip(*scores, strict=True)]
        return scores.index(EscapeCurve.from_images(*columns, [1] * len(scores), ["a"] * len(scores)).images[0])  # type: ignore[arg-type]

    marked = [ImageScores(image.probability, number) for number, image in enumerate(shown)]
    assert counted(marked) == counted([ImageScores(number / 10, 1.0) for number in range(len(shown))])


def test_each_image_of_a_part_counts_as_often_as_the_others() -> None:
    names = [f"part {number}" for number in range(3000) for _ in range(3)]
    curve = EscapeCurve.from_images([0.1, 0.2, 0.3] * 3000, [0.5] * 9000, [1] * 9000, names)

    lowest = curve.images[:MAX_STORED_PARTS]
    assert curve.part_count == 3000 and {image.probability for image in lowest} == {0.1}
    drawn = [
        EscapeCurve.from_images([0.1, 0.2, 0.3], [0.5] * 3, [1] * 3, [name] * 3).probabilities[0] for name in names
    ]
    assert [drawn.count(value) / len(drawn) for value in (0.1, 0.2, 0.3)] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_with_too_few_labels_less_passes_than_any_defect_has_scored() -> None:
    curve = EscapeCurve((0.01, 0.2, 0.3), 3, (0.5, 0.5, 0.5))
    bands = guaranteed_bands(cost_bands(Costs()), curve, PROMISE)

    assert bands.low == math.nextafter(FALLBACK_FACTOR * 0.01, 0)
    assert (bands.bound, bands.low_limited_by, bands.novelty_line) == ("none", "labels", 1)


@pytest.mark.parametrize("count", [5, MAX_STORED_PARTS, 3 * MAX_STORED_PARTS])
def test_json_keeps_what_decides(count: int) -> None:
    curve = many_parts(count)
    again = EscapeCurve.from_json(json.loads(json.dumps(curve.to_json(), allow_nan=False)))

    assert again == curve
    assert hash(again) == hash(curve)
    assert (len(again.images), again.part_count) == (min(count, MAX_STORED_PARTS), count)
    assert len(again.good) <= MAX_STORED_GOOD_IMAGES
    assert guaranteed_bands(cost_bands(Costs()), again, PROMISE) == guaranteed_bands(
        cost_bands(Costs()), curve, PROMISE
    )


def test_a_curve_of_earlier_releases_is_about_the_probability_alone() -> None:
    old = EscapeCurve.from_json({"lowest": [0.01, 0.02, *[0.9] * 98], "parts": 100})

    assert not old.is_joint
    assert old.images[0] == (0.01, 0.0)
    bands = guaranteed_bands(cost_bands(Costs()), old, PROMISE)
    assert (bands.low, bands.novelty_line) == (math.nextafter(0.02, 0), 1)


def test_what_json_left_out_counts_as_escaped() -> None:
    curve = many_parts(3 * MAX_STORED_PARTS)
    last = curve.probabilities[-1]

    assert curve.count_escapes(PassRegion(math.nextafter(last, 1), 0.1)) == 3 * MAX_STORED_PARTS
    assert curve.count_escapes(PassRegion(last, 9.0)) == MAX_STORED_PARTS - 1
    generous = EscapeRateGuarantee(rate=0.9)
    region = choose_pass_region(curve, PassRegion(1.0, 9.0), max_escapes(curve.part_count, generous))
    assert region.below_probability == last


@pytest.mark.parametrize("values", [{"lowest": [], "parts": 0}, {"lowest": [0.5, 0.2], "parts": 2}])
def test_it_refuses_a_curve_of_nothing_and_one_out_of_order(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        EscapeCurve.from_json(values)


def test_it_refuses_a_curve_whose_lists_do_not_match() -> None:
    with pytest.raises(ValueError, match="novelty of each part"):
        EscapeCurve.from_json({"lowest": [0.2, 0.5], "parts": 2, "novelty": [0.5]})
