"""Speeds: what each stands for, that a product's own settings win, and that older configs mean what they meant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mltasks.vision.networks.input_size import PIXEL_BUDGET, pixel_budget, resolve_input_size
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.fit import check_config
from mltasks.vision.training.fit_detectors import enabled_detectors
from mltasks.vision.types import Sample
from tests.vision.sample_images import gradient


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """One large part, so that the budget decides."""
    path = tmp_path / "part.png"
    gradient(1200, 800).save(path)
    return [Sample(path.name, "sha", path, 0, path.name)]


def test_balanced_is_the_recipe_without_a_speed() -> None:
    assert TrainConfig.from_json({}) == TrainConfig.from_json({"speed": "balanced"}) == TrainConfig()


def test_fast_sees_half_the_pixels_and_trains_fewer_scores(samples: list[Sample]) -> None:
    config = resolve_input_size(TrainConfig.from_json({"speed": "fast"}), samples)

    assert (config.height, config.width, config.stage_epochs) == (288, 416, 0)
    assert config.left_out_scores == ("texture",)
    assert config.height * config.width < 0.55 * PIXEL_BUDGET
    assert config.detectors == TrainConfig().detectors


def test_thorough_sees_twice_the_pixels_with_the_whole_backbone(samples: list[Sample]) -> None:
    config = resolve_input_size(TrainConfig.from_json({"speed": "thorough"}), samples)

    assert (config.height, config.width, config.backbone_scale) == (576, 864, 1.0)
    assert pixel_budget(config) == 2 * PIXEL_BUDGET
    assert replace(config, height=0, width=0, speed="balanced", backbone_scale=0.5) == TrainConfig()


def test_settings_that_are_named_win(samples: list[Sample]) -> None:
    named = {"height": 64, "width": 96, "stage_epochs": 2, "left_out_scores": ["features"]}
    config = resolve_input_size(TrainConfig.from_json({"speed": "fast", **named}), samples)

    assert (config.height, config.width, config.stage_epochs) == (64, 96, 2)
    assert config.left_out_scores == ("features",) and enabled_detectors(config) == ["places"]
    assert TrainConfig.from_json({"speed": "thorough", "backbone_scale": 0.5}).backbone_scale == 0.5


def test_fast_keeps_the_only_networks_scores() -> None:
    assert TrainConfig.from_json({"speed": "fast", "companion": ""}).left_out_scores == ()


@pytest.mark.parametrize("speed", ["fast", "balanced", "thorough"])
def test_a_recorded_config_is_read_as_it_was(speed: str) -> None:
    config = TrainConfig.from_json({"speed": speed, "budget_ms": 40})
    # What a run records, also after its own settings have replaced some of the speed's.
    for recorded in (config, replace(config, stage_epochs=6, left_out_scores=(), backbone_scale=0.5)):
        assert TrainConfig.from_json(recorded.to_json()) == recorded


def test_a_config_of_before_speeds_is_balanced() -> None:
    recorded = TrainConfig(height=96, width=64, detectors=("places",)).to_json()
    for name in ("speed", "budget_ms", "left_out_scores"):
        del recorded[name]

    assert TrainConfig.from_json(recorded) == TrainConfig(height=96, width=64, detectors=("places",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speed": "quick"}, "speed must be fast, balanced or thorough, not 'quick'"),
        ({"speed": None}, "speed must be"),
        ({"speed": ["fast"]}, "speed must be"),
        ({"budget_ms": -1}, "budget_ms must be a number"),
        ({"budget_ms": float("nan")}, "budget_ms must be a number"),
        ({"budget_ms": float("inf")}, "budget_ms must be a number"),
        ({"budget_ms": "50"}, "budget_ms must be a number"),
        ({"budget_ms": True}, "budget_ms must be a number"),
    ],
)
def test_it_refuses_what_is_no_speed_and_no_budget(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig.from_json(settings)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"speed": "quick"}, "speed"),
        ({"budget_ms": -1.0}, "budget_ms"),
        ({"left_out_scores": ("segmentation",)}, "left"),
    ],
)
def test_training_refuses_them_too(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_config(replace(TrainConfig(height=64, width=64), **changed))
