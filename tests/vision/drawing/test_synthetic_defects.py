"""Synthetic defects: the same seed draws the same, and the mask says where something changed and where nothing did."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from mltasks.vision.drawing import synthetic_defects
from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.drawing.synthetic_defects import CHANGE_WINDOW, KINDS, add_synthetic_defects

Rgb = NDArray[np.uint8]
SEEDS = range(25)
NAMES = sorted({kind.__name__ for kind in KINDS})
# Blur of a shade reaches far; that of all others ends within a few pixels.
REACH = {"_shade": 90.0}


@pytest.fixture(scope="module")
def part() -> Rgb:
    return np.asarray(draw_part(PartKind.GOOD, 3, (192, 256)).image)


def flat(side: int, level: int) -> Rgb:
    return np.full((side, side, 3), level, np.uint8)


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Draw no other kind than the named one, once a picture."""

    def choose(name: str) -> None:
        monkeypatch.setattr(synthetic_defects, "KINDS", [kind for kind in KINDS if kind.__name__ == name][:1])
        monkeypatch.setattr(synthetic_defects, "DEFECTS_PER_PICTURE", (1,))

    return choose


def test_the_same_picture_and_seed_give_the_same_defects_and_another_seed_others(part: Rgb) -> None:
    (one, where), (again, there) = add_synthetic_defects(part, 5), add_synthetic_defects(part.copy(), 5)
    other, elsewhere = add_synthetic_defects(part, 6)

    assert np.array_equal(one, again) and np.array_equal(where, there)
    assert not np.array_equal(one, other) and not np.array_equal(where, elsewhere)


def test_it_draws_nothing_from_chance_outside_and_leaves_the_picture_as_it_is(part: Rgb) -> None:
    before, state = part.copy(), np.random.get_state()[1]
    for seed in range(8):
        add_synthetic_defects(part, seed)

    assert np.array_equal(part, before)
    assert np.array_equal(np.random.get_state()[1], state)


def test_pictures_drawn_on_before_do_not_matter(part: Rgb) -> None:
    one = add_synthetic_defects(part, 5)[0]
    add_synthetic_defects(flat(64, 10), 5)

    assert np.array_equal(add_synthetic_defects(part, 5)[0], one)


@pytest.mark.parametrize("name", NAMES)
def test_the_mask_covers_what_changed_and_nothing_far_away(part: Rgb, only: Callable[[str], None], name: str) -> None:
    only(name)
    covered = list[float]()
    for seed in SEEDS:
        drawn, mask = add_synthetic_defects(part, seed)
        change = np.abs(drawn.astype(int) - part).sum(2)
        assert drawn.shape == part.shape and drawn.dtype == np.uint8
        assert mask.shape == part.shape[:2] and mask.dtype == np.bool_
        assert 0 < mask.mean() < 0.6
        assert distance_transform_edt(~mask)[change > 0].max() < REACH.get(name, 14)
        assert distance_transform_edt(change == 0)[mask].max() < CHANGE_WINDOW
        covered.append(change[mask].sum() / change.sum())

    assert np.median(covered) > 0.65


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_alone_differs_from_seed_to_seed(part: Rgb, only: Callable[[str], None], name: str) -> None:
    only(name)
    masks = [add_synthetic_defects(part, seed)[1] for seed in range(4)]

    assert len({mask.tobytes() for mask in masks}) == 4


@pytest.mark.parametrize(
    "picture",
    [flat(64, 120), flat(64, 0), flat(64, 255), np.tile(np.uint8([250, 3, 90]), (64, 96, 1))],
    ids=["gray", "black", "white", "one color"],
)
def test_on_a_flat_small_picture_the_mask_lies_on_what_can_be_seen(picture: Rgb) -> None:
    for seed in range(40):
        drawn, mask = add_synthetic_defects(picture, seed)
        changed = (drawn != picture).any(2)
        assert mask.any() and changed.any()
        # On white or black half of the shades are clipped away; they must not be called defective.
        assert distance_transform_edt(~changed)[mask].max() < CHANGE_WINDOW


def test_beside_white_only_the_part_carries_defects(part: Rgb) -> None:
    picture = part.copy()
    picture[:128] = 255
    for seed in range(40):
        drawn, mask = add_synthetic_defects(picture, seed)
        assert distance_transform_edt((drawn == picture).all(2))[mask].max() < CHANGE_WINDOW


def test_small_pieces_of_a_part_get_defects_too(part: Rgb) -> None:
    drawn = [add_synthetic_defects(part[96:160, 64:128], seed) for seed in range(40)]

    assert all(mask.any() for _, mask in drawn)
    assert np.median([mask.mean() for _, mask in drawn]) < 0.25, "Most are small."


def test_a_moved_patch_is_of_the_same_picture(part: Rgb, only: Callable[[str], None]) -> None:
    only("_moved_patch")
    narrow = (100 + part // 16).astype(np.uint8)
    for seed in SEEDS:
        drawn = add_synthetic_defects(narrow, seed)[0]
        assert (drawn.min((0, 1)) >= narrow.min((0, 1))).all() and (drawn.max((0, 1)) <= narrow.max((0, 1))).all()


def test_a_gray_part_stays_gray(part: Rgb) -> None:
    gray = np.repeat(part.mean(2, keepdims=True), 3, 2).astype(np.uint8)

    assert all(np.ptp(add_synthetic_defects(gray, seed)[0], axis=2).max() <= 1 for seed in SEEDS)


def test_each_kind_is_drawn_and_some_pictures_get_several(part: Rgb, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = list[list[str]]()

    def noted(kind: synthetic_defects.Draw) -> synthetic_defects.Draw:
        return lambda canvas: (drawn[-1].append(kind.__name__), kind(canvas))[1]

    monkeypatch.setattr(synthetic_defects, "KINDS", [noted(kind) for kind in KINDS])
    for seed in range(60):
        drawn.append([])
        add_synthetic_defects(part[:64, :64], seed)

    assert {name for names in drawn for name in names} == set(NAMES)
    assert {1, 2, 3} <= {len(names) for names in drawn}
