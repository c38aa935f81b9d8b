"""Near-duplicates are found by what is a part's own, and a fixture that all parts share does not make one of them."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.duplicate_groups import (
    Fingerprint,
    file_group,
    fingerprint,
    group_near_duplicates,
    group_samples,
)
from mltasks.vision.data.duplicate_pairs import fixture_populations
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.fields import smooth_noise, spectral_noise
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.types import Roi, Sample
from tests.vision.sample_images import encode, gradient

PLATES, REPEATED = 24, 6


def photographed_fingerprint(image: Image.Image, shot: int = 0) -> Fingerprint:
    """The image as a camera takes it: each shot has its own light, noise and, by a few pixels, its own place."""
    rng = np.random.default_rng(shot)
    still = np.roll(np.asarray(image.convert("L"), dtype=np.float32), rng.integers(-2, 3, 2), (0, 1))
    pixels = still * rng.uniform(0.6, 1.4) + rng.uniform(-5, 15) + rng.normal(0, 1, still.shape)
    return fingerprint(encode(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), "PNG"))


@functools.cache
def plates() -> list[Image.Image]:
    """Different parts of one kind in one fixture."""
    kinds = [PartKind.GOOD] * (PLATES - 8) + [PartKind.SCRATCH] * 4 + [PartKind.EXCESS] * 4
    return [draw_part(kind, 500 + seed, (180, 320)).image for seed, kind in enumerate(kinds)]


def tile(seed: int, size: tuple[int, int] = (120, 150)) -> Image.Image:
    """A surface without any fixture: only its own marks."""
    rng = np.random.default_rng(seed)
    marks = 90 + 12 * spectral_noise(rng, size, 1.6) + 10 * smooth_noise(rng, size, (5, 5))
    return Image.fromarray(np.clip(marks, 0, 255).astype(np.uint8))


def groups_of_equal(numbers: Sequence[int]) -> set[frozenset[int]]:
    """Which positions share a number."""
    return {frozenset(at for at, one in enumerate(numbers) if one == number) for number in numbers}


def test_one_tile_under_six_exposures_is_one_group() -> None:
    numbers = group_near_duplicates(
        [photographed_fingerprint(tile(seed), 10 * seed + shot) for seed in range(24) for shot in range(6)]
    )
    groups = groups_of_equal(numbers)
    assert all(len({at // 6 for at in group}) == 1 for group in groups)  # no two tiles in one
    assert sum(len(group) == 6 for group in groups) >= 22  # the darkest shot of a tile may be missed


def test_plates_in_one_fixture_stay_apart() -> None:
    found = [photographed_fingerprint(image, shot) for shot, image in enumerate(plates())]
    flat = np.stack([one.texture.astype(np.float32).ravel() for one in found])
    assert np.corrcoef(flat).mean() > 0.6  # the trap: by themselves they all look alike
    assert max(Counter(group_near_duplicates(found)).values()) == 1


def test_a_plate_seen_again_in_the_fixture_is_found() -> None:
    again = [photographed_fingerprint(image, 100 + shot) for shot, image in enumerate(plates()[:REPEATED])]
    numbers = group_near_duplicates(
        [photographed_fingerprint(image, shot) for shot, image in enumerate(plates())] + again
    )
    assert numbers == [*range(PLATES), *range(REPEATED)]


def test_a_small_station_beside_a_large_one_keeps_its_parts_apart() -> None:
    fixture = [photographed_fingerprint(image, shot) for shot, image in enumerate([*plates(), *plates()[:8]])]
    tiles = [photographed_fingerprint(tile(1000 + seed, (320, 180)), seed) for seed in range(120)]
    textures = np.stack([one.texture for one in [*tiles, *fixture]])
    assert [len(members) for members in fixture_populations(textures)] == [31, 121]
    numbers = group_near_duplicates([*tiles, *fixture])
    assert max(Counter(numbers).values()) == 2


def test_the_groups_do_not_depend_on_the_order() -> None:
    found = [photographed_fingerprint(tile(seed), 10 * seed + shot) for seed in range(5) for shot in range(3)]
    order = list(np.random.default_rng(0).permutation(len(found)))
    moved = group_near_duplicates([found[at] for at in order])
    assert {frozenset(order[at] for at in one) for one in groups_of_equal(moved)} == groups_of_equal(
        group_near_duplicates(found)
    )


def test_sizes_that_differ_keep_images_apart() -> None:
    twice = [photographed_fingerprint(tile(seed), seed) for seed in range(10)] + [
        photographed_fingerprint(tile(0), 50),
        photographed_fingerprint(tile(1), 51),
    ]
    grown = replace(twice[10], width=twice[10].width + 40)
    numbers = group_near_duplicates([*twice[:10], grown, twice[11]])
    assert numbers == [*range(10), 10, 1]


def test_images_without_any_marks_are_not_alike() -> None:
    black = fingerprint(encode(Image.new("L", (120, 150)), "PNG"))
    assert len(set(group_near_duplicates([black] * 10))) == 10


def test_few_images_are_left_alone() -> None:
    assert group_near_duplicates([]) == []
    assert group_near_duplicates([photographed_fingerprint(tile(0), shot) for shot in range(7)]) == list(range(7))


def test_a_fingerprint_is_of_the_region_in_upright_pixels(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    tile(3).save(path)
    found = fingerprint(path, Roi(10, 20, 60, 500))
    assert (found.width, found.height) == (60, 100)
    whole = fingerprint(encode(tile(3).crop((10, 20, 70, 120)), "PNG"))
    assert np.array_equal(found.texture, whole.texture)
    large = fingerprint(encode(gradient(1600, 1200), "JPEG"))
    assert (large.width, large.height) == (1600, 1200)


def test_it_refuses_what_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"no image")
    with pytest.raises(ImageError):
        fingerprint(path)
    with pytest.raises(OSError, match="nothing"):
        fingerprint(tmp_path / "nothing.png")


def test_it_refuses_a_fingerprint_that_cannot_be_compared() -> None:
    good = photographed_fingerprint(tile(0))
    with pytest.raises(ValueError, match="64 x 64"):
        replace(good, texture=good.texture[:8])
    with pytest.raises(ValueError, match="finite"):
        replace(good, texture=np.full_like(good.texture, np.nan))
    with pytest.raises(ValueError, match="positive"):
        replace(good, width=0)


def sample(folder: Path, image: Image.Image, shot: int, part: str = "") -> Sample:
    """A stored shot of a part; ``part`` is its id when it has one."""
    pixels = np.asarray(image, dtype=np.float32) * (0.7 + 0.1 * shot) + np.random.default_rng(shot).normal(0, 1)
    path = folder / f"{len(list(folder.iterdir())):03}.png"
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Sample(path.name, sha256, path, 0, part or file_group(sha256))


def test_a_shot_without_part_id_joins_the_part_it_looks_like(tmp_path: Path) -> None:
    samples = [sample(tmp_path, tile(seed), 0) for seed in range(8)]
    known = [sample(tmp_path, tile(20), 0, "part B"), sample(tmp_path, tile(21), 0, "part A")]
    known.append(sample(tmp_path, tile(20), 1, "part C"))
    like = [sample(tmp_path, tile(21), 2), sample(tmp_path, tile(20), 3), sample(tmp_path, tile(0), 4)]
    found = group_samples([*samples, *known, *like], [False] * 8 + [True] * 3 + [False] * 3)
    assert [one.group for one in found[8:13]] == ["part B", "part A", "part C", "part A", "part B"]
    assert found[13].group == found[0].group == min(samples[0].group, like[2].group)
    assert [one.group for one in found[1:8]] == [one.group for one in samples[1:]]


def test_an_image_that_cannot_be_read_stays_alone(tmp_path: Path) -> None:
    samples = [sample(tmp_path, tile(seed // 2), seed) for seed in range(16)]
    samples[0].path.write_bytes(b"damaged")
    samples[2].path.unlink()
    found = group_samples(samples, [False] * 16)
    assert [found[at].group for at in (0, 1, 2, 3)] == [samples[at].group for at in (0, 1, 2, 3)]
    assert found[4].group == found[5].group


def test_it_refuses_flags_that_do_not_match(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 samples came with 2 flags"):
        group_samples([sample(tmp_path, tile(0), 0)], [True, False])
