"""Parts that repeat earlier ones are told from those that only stand in the same fixture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mltasks.vision.data.duplicate_groups import TEXTURE_SIDE, Fingerprint
from mltasks.vision.data.incremental_duplicates import best_earlier_match, pack_texture, unpack_texture
from tests.vision.data.test_duplicate_groups import PLATES, photographed_fingerprint, plates, tile


def similarity_to_earlier(earlier: Sequence[Fingerprint], new: Sequence[Fingerprint]) -> list[float]:
    return [one.similarity for one in best_earlier_match(earlier, new)]


def test_only_the_later_of_two_shots_repeats() -> None:
    first = [photographed_fingerprint(image, shot) for shot, image in enumerate(plates())]
    again = [photographed_fingerprint(image, 100 + shot) for shot, image in enumerate(plates()[:6])]
    assert similarity_to_earlier(first, again) == [1.0] * 6
    found = similarity_to_earlier([], [*first, *again])
    assert max(found[:PLATES]) < 1.0
    assert found[PLATES:].count(1.0) >= 5
    assert found[0] == 0.0, "Nothing came before it."


@pytest.mark.parametrize("known", [0, 8, 40])
def test_a_long_run_of_one_part_does_not_pass_for_what_all_have_in_common(known: int) -> None:
    others = [photographed_fingerprint(tile(seed), seed) for seed in range(known + 12)]
    run = [photographed_fingerprint(tile(99), 900 + shot) for shot in range(24)]
    new = [*others[known : known + 6], *run, *others[known + 6 :]]
    found = similarity_to_earlier(others[:known], new)
    assert found[7:30].count(1.0) >= 21, "The darkest shots may be missed."
    assert max(found[:7] + found[30:]) < 0.5


@pytest.mark.parametrize("known", [0, 30])
def test_it_says_which_one_is_repeated(known: int) -> None:
    others = [photographed_fingerprint(tile(seed), seed) for seed in range(known + 12)]
    new = [
        *others[known:],
        photographed_fingerprint(tile(known + 3), 500),
        photographed_fingerprint(tile(known + 3), 501),
        photographed_fingerprint(tile(known + 7), 502),
    ]
    found = best_earlier_match(others[:known], new)
    assert [one.duplicate_of for one in found[:12]] == [None] * 12
    assert found[12].duplicate_of == known + 3
    assert found[13].duplicate_of in (known + 3, known + 12)
    assert found[14].duplicate_of == known + 7
    assert all((one.duplicate_of is not None) == (one.similarity == 1.0) for one in found)
    again = best_earlier_match(others, [photographed_fingerprint(tile(5), 5)])
    assert again[0].duplicate_of == 5, "The same picture."


def test_likeness_is_graded() -> None:
    tiles = [photographed_fingerprint(tile(seed), seed) for seed in range(30)]
    found = similarity_to_earlier(tiles[:20], tiles[20:])
    assert len(found) == 10
    assert all(0 <= one < 0.5 for one in found)


def test_of_a_few_parts_only_the_same_picture_repeats() -> None:
    shots = [photographed_fingerprint(tile(1), shot) for shot in range(4)]
    assert similarity_to_earlier(shots[:2], shots[2:]) == [0.0, 0.0]
    assert similarity_to_earlier(shots[:2], [shots[1], shots[3]]) == [1.0, 0.0]


def test_sizes_that_differ_keep_parts_apart() -> None:
    known = [photographed_fingerprint(tile(seed), seed) for seed in range(30)]
    wider = replace(photographed_fingerprint(tile(3), 500), width=known[3].width * 2)
    assert similarity_to_earlier(known, [photographed_fingerprint(tile(3), 500), wider])[0] == 1.0
    assert similarity_to_earlier(known, [wider])[0] < 1.0


def test_nothing_new_is_like_nothing() -> None:
    assert similarity_to_earlier([photographed_fingerprint(tile(seed), seed) for seed in range(9)], []) == []
    assert similarity_to_earlier([], []) == []


def test_a_texture_survives_its_packing() -> None:
    texture = photographed_fingerprint(tile(3)).texture
    packed = pack_texture(texture)
    assert len(packed) == TEXTURE_SIDE * TEXTURE_SIDE
    assert np.abs(unpack_texture(packed).astype(float) - texture.astype(float)).max() < 0.02


def test_it_refuses_bytes_that_are_no_texture() -> None:
    with pytest.raises(ValueError, match="reshape"):
        unpack_texture(b"short")
