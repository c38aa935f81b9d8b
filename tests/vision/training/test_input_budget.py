"""The input size for a time budget: by given times, and once by times that are measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mltasks.vision.networks.input_size import resolve_input_size
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.speed.input_budget import NETWORK_SHARE, choose_input_size_within, network_timer
from mltasks.vision.types import Sample
from tests.vision.sample_images import gradient


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    path = tmp_path / "part.png"
    gradient(1200, 800).save(path)
    return [Sample(path.name, "sha", path, 0, path.name)]


def ten_per_hundred_thousand_pixels(config: TrainConfig) -> float:
    return config.height * config.width / 10_000


@pytest.mark.parametrize(
    ("budget", "speed", "pixels"),
    [
        (1000.0, "balanced", (200_000, 250_000)),
        (1000.0, "fast", (100_000, 125_000)),
        (30.0, "balanced", (150_000, 180_000)),
        (30.0, "fast", (100_000, 125_000)),
        (10.0, "balanced", (50_000, 60_000)),
        (0.1, "balanced", (20_000, 33_000)),
    ],
)
def test_the_largest_size_that_leaves_room_is_chosen(
    samples: list[Sample], budget: float, speed: str, pixels: tuple[int, int]
) -> None:
    config = TrainConfig.from_json({"speed": speed, "budget_ms": budget})
    chosen = choose_input_size_within(config, samples, ten_per_hundred_thousand_pixels)

    assert pixels[0] <= chosen.height * chosen.width <= pixels[1]
    assert budget < 1 or ten_per_hundred_thousand_pixels(chosen) <= NETWORK_SHARE * budget
    assert replace(chosen, height=0, width=0) == config


def test_a_size_that_is_set_and_no_budget_need_no_time(samples: list[Sample]) -> None:
    def refuse(config: TrainConfig) -> float:
        raise AssertionError("Nothing has to be timed.")

    named = TrainConfig(height=64, width=96, budget_ms=0.01)
    assert choose_input_size_within(named, samples, refuse) == named
    assert choose_input_size_within(TrainConfig(), samples, refuse) == resolve_input_size(TrainConfig(), samples)


@pytest.mark.slow(6)
def test_more_pixels_take_more_time() -> None:
    config = TrainConfig(companion="", backbone_weights="random", budget_ms=10)
    timed = network_timer(config)
    small, large = (timed(replace(config, height=side, width=side)) for side in (64, 384))
    assert 0 < small < large
