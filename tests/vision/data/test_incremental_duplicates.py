"""Parts that repeat earlier ones are told from those that only stand in the same fixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mltasks.vision.data.duplicate_groups import SIDE, Fingerprint
from mltasks.vision.data.incremental_duplicates import likest_earlier, pack, unpack
from tests.vision.data.test_duplicate_groups import PLATES, plates, taken, tile


def likeness_to_earlier(known: Sequence[Fingerprint], new: Sequence[Fingerprint]) -> list[float]:
    return [one.likeness for one in likest_earlier(known, new)]


def test_only_the_later_of_two_shots_repeats() -> None:
    first = [taken(image, shot) for shot, image in enumerate(plates())]
    again = [taken(image, 100 + shot) for shot, image in enumerate(plates()[:6])]
    assert likeness_to_earlier(first, again) == [1.0] * 6
    found = likeness_to_earlier([], [*first, *again])
    assert max(found[:PLATES]) < 1.0
    assert found[PLATES:].count(1.0) >= 5
    assert found[0] == 0.0, "Nothing came before it."


@pytest.mark.parametrize("known", [0, 8, 40])
def test_a_long_run_of_one_part_does_not_pass_for_what_all_have_in_common(known: int) -> None:
    others = [taken(tile(seed), seed) for seed in range(known + 12)]
    run = [taken(tile(99), 900 + shot) for shot in range(24)]
    new = [*others[known : known + 6], *run, *others[known + 6 :]]
    found = likeness_to_earlier(others[:known], new)
    assert found[7:30].count(1.0) >= 21, "The darkest shots may be missed."
    assert max(found[:7] + found[30:]) < 0.5


@pytest.mark.parametrize("known", [0, 30])
def test_it_says_which_one_is_repeated(known: int) -> None:
    others = [taken(tile(seed), seed) for seed in range(known + 12)]
    new = [*others[known:], taken(tile(known + 3), 500), taken(tile(known + 3), 501), taken(tile(known + 7), 502)]
    found = likest_earlier(others[:known], new)
    assert [one.repeats for one in found[:12]] == [None] * 12
    assert found[12].repeats == known + 3
    assert found[13].repeats in (known + 3, known + 12)
    assert found[14].repeats == known + 7
    assert all((one.repeats is not None) == (one.likeness == 1.0) for one in found)
    again = likest_earlier(others, [taken(tile(5), 5)])
    assert again[0].repeats == 5, "The same picture."


def test_likeness_is_graded() -> None:
    tiles = [taken(tile(seed), seed) for seed in range(30)]
    found = likeness_to_earlier(tiles[:20], tiles[20:])
    assert len(found) == 10
    assert all(0 <= one < 0.5 for one in found)


def test_of_a_few_parts_only_the_same_picture_repeats() -> None:
    shots = [taken(tile(1), shot) for shot in range(4)]
    assert likeness_to_earlier(shots[:2], shots[2:]) == [0.0, 0.0]
    assert likeness_to_earlier(shots[:2], [shots[1], shots[3]]) == [1.0, 0.0]


def test_sizes_that_differ_keep_parts_apart() -> None:
    known = [taken(tile(seed), seed) for seed in range(30)]
    wider = replace(taken(tile(3), 500), width=known[3].width * 2)
    assert likeness_to_earlier(known, [taken(tile(3), 500), wider])[0] == 1.0
    assert likeness_to_earlier(known, [wider])[0] < 1.0


def test_nothing_new_is_like_nothing() -> None:
    assert likeness_to_earlier([taken(tile(seed), seed) for seed in range(9)], []) == []
    assert likeness_to_earlier([], []) == []


def test_a_texture_survives_its_packing() -> None:
    texture = taken(tile(3)).texture
    packed = pack(texture)
    assert len(packed) == SIDE * SIDE
    assert np.abs(unpack(packed).astype(float) - texture.astype(float)).max() < 0.02


def test_it_refuses_bytes_that_are_no_texture() -> None:
    with pytest.raises(ValueError, match="reshape"):
        unpack(b"short")
