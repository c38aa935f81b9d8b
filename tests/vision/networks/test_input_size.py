"""The size of the input: the parts' shape, hardly more pixels than they have, and no more than the budget."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mltasks.vision.networks.input_size import MIN_SIDE, PIXEL_BUDGET, choose_input_size, resolve_input_size
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import InputSize, Roi, Sample
from tests.vision.sample_images import gradient

regions = st.lists(st.tuples(st.integers(1, 9000), st.integers(1, 9000)), min_size=1, max_size=20)


def sample(folder: Path, number: int, width: int, height: int, roi: Roi | None = None) -> Sample:
    path = folder / f"{number}.png"
    gradient(width, height).save(path)
    return Sample(path.name, f"sha-{number}", path, number % 2, path.name, roi=roi)


@given(regions)
def test_it_is_whole_and_inside_the_budget(found: list[tuple[int, int]]) -> None:
    size = choose_input_size(found)

    assert size.keep_shape
    assert size.height % 32 == size.width % 32 == 0
    assert min(size.height, size.width) >= MIN_SIDE
    # Rounding to multiples of 32 may add a quarter to a side of 64.
    assert size.height * size.width <= 1.25 * PIXEL_BUDGET


@pytest.mark.parametrize(
    ("region", "wanted"),
    [
        ((4000, 4000), (480, 480)),
        ((4000, 2000), (352, 704)),
        ((1000, 3000), (864, 288)),
        ((300, 200), (192, 288)),
        ((20, 10), (64, 64)),
        ((9000, 9), (64, 3744)),
    ],
)
def test_it_has_the_parts_shape_and_enlarges_none(region: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert choose_input_size([region])[:2] == wanted


def test_a_smaller_budget_gives_a_smaller_input() -> None:
    assert choose_input_size([(4000, 2000)], 60_000)[:2] == (160, 352)


def test_most_parts_decide_not_the_largest() -> None:
    assert choose_input_size([(200, 100)] * 9 + [(4000, 4000)])[:2] == (96, 192)


def test_it_refuses_no_part() -> None:
    with pytest.raises(ValueError, match="no image"):
        choose_input_size([])


def test_a_config_gets_the_size_of_its_images_regions(tmp_path: Path) -> None:
    samples = [sample(tmp_path, number, 400, 300, Roi(10, 10, 256, 96)) for number in range(3)]
    config = TrainConfig(seed=3)

    assert resolve_input_size(config, samples) == replace(config, height=96, width=256)
    assert resolve_input_size(replace(config, height=64), samples) == replace(config, height=64, width=256)


def test_a_size_that_is_set_stays(tmp_path: Path) -> None:
    config = TrainConfig(height=64, width=128)

    assert resolve_input_size(config, [sample(tmp_path, 0, 400, 300)]) is config


def test_images_that_cannot_be_read_are_left_to_training(tmp_path: Path) -> None:
    samples = [sample(tmp_path, number, 128, 96) for number in range(3)]
    samples[0].path.write_bytes(b"no image")
    samples[1].path.unlink()

    settled = resolve_input_size(TrainConfig(), samples)
    assert InputSize(settled.height, settled.width) == InputSize(96, 128)
    nothing = resolve_input_size(TrainConfig(), samples[:2])
    assert (nothing.height, nothing.width) == (MIN_SIDE, MIN_SIDE)
