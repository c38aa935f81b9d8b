"""A certificate rests on parts that no learning used, one image a part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mltasks.vision.fast_path.held_out import HELD_OUT_SHARE, AnsweredImage, split_images
from mltasks.vision.types import DEFECT, GOOD, Sample


def image(number: int, *, part: int | None = None, passed: bool = True, defective: bool = False) -> AnsweredImage:
    group = f"part {number if part is None else part}"
    target = DEFECT if defective else GOOD
    return AnsweredImage(Sample(f"{number}.jpg", f"sha-{number}", Path(f"{number}.jpg"), target, group), passed)


def test_a_part_is_never_on_both_sides() -> None:
    images = [image(number, part=number // 3, passed=number % 2 == 0) for number in range(600)]

    split = split_images(images, seed=0)

    sides = [{images[at].sample.group for at in side} for side in (split.learning, split.held_out)]
    assert not sides[0] & sides[1]
    assert len(split.learning) + len(split.held_out) == 600
    assert abs(len(sides[1]) / 200 - HELD_OUT_SHARE) < 0.1


def test_one_image_of_each_part_counts_whatever_came_before() -> None:
    images = [image(number, part=number // 3, passed=False, defective=True) for number in range(300)]

    split, reversed_split = split_images(images, seed=0), split_images(images[::-1], seed=0)

    for name in ("not_passed", "defective"):
        chosen = [images[at].sample.name for at in getattr(split, name)]
        assert len(chosen) == len({split.parts[at] for at in getattr(split, name)}) == len(split.held_out) / 3
        assert len(chosen) == len(getattr(reversed_split, name))


def test_images_that_the_full_graph_was_trained_on_prove_no_leak() -> None:
    images = [image(number, passed=False, defective=number % 2 == 0) for number in range(200)]
    trained = [replace(one, trained=True) for one in images]

    split = split_images(trained, seed=0)

    assert not len(split.not_passed) and not len(split.held_out)
    assert set(split.defective) == set(split_images(images, seed=0).defective)
    assert len(split.learning)


def test_copies_of_a_file_stay_together() -> None:
    images = [image(number) for number in range(100)]
    copies = [replace(one, sample=replace(one.sample, group=f"copy of {one.sample.group}")) for one in images]

    split = split_images([*images, *copies], seed=0)

    assert {at + 100 for at in split.learning if at < 100} == {at for at in split.learning if at >= 100}
