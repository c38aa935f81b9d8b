"""Limits of the bank of views, draws of an epoch, and what all trainings share: seeds, settings, progress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mltasks.vision.networks.compute import derive_seed, reproducible
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import (
    TrainingData,
    affordable_views,
    synthetic_per_image,
    views_per_image,
)
from mltasks.vision.training.features.stored_features import bytes_per_pixel
from mltasks.vision.training.fit_pooled_head import sample_epoch
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress
from tests.vision.toy_features import toy_bank


@pytest.mark.parametrize(("good", "wanted", "count"), [(37, 4, 4), (3000, 4, 2), (100_000, 4, 0), (37, 0, 0)])
def test_many_good_images_get_fewer_synthetic_defects(good: int, wanted: int, count: int) -> None:
    config = TrainConfig(height=224, width=224, synthetic_views=wanted)

    assert synthetic_per_image(good, config) == count
    assert synthetic_per_image(good, replace(config, head="pooled")) == 0


@pytest.mark.parametrize(("images", "views"), [(37, 8), (860, 8), (1300, 6), (2600, 3), (100_000, 0), (0, 8)])
def test_many_images_get_fewer_views(images: int, views: int) -> None:
    assert affordable_views(images, 8, 224 * 224, 4) == views


def test_large_images_get_fewer_views_than_small_ones() -> None:
    assert affordable_views(600, 8, 224 * 224, 4) == 8
    assert affordable_views(600, 8, 4 * 224 * 224, 4) == 3


def test_wide_maps_get_fewer_views_because_of_the_disk() -> None:
    config = TrainConfig(height=224, width=224)
    wide = replace(config, backbone="wide_resnet50_2")

    assert bytes_per_pixel(config) == pytest.approx(1.5 + 0.9375 + 0.25 * (2 + 1))
    assert bytes_per_pixel(replace(config, companion="efficientnet_lite2")) == bytes_per_pixel(config)
    assert bytes_per_pixel(replace(wide, companion="")) == 16 + 8 + 4
    assert views_per_image(1000, config) == views_per_image(1000, wide) == 7
    assert views_per_image(1000, replace(wide, companion="")) == 4


def test_none_is_better_than_a_single_view_of_each() -> None:
    assert affordable_views(1300, 8, 4 * 224 * 224, 4) == 0


def test_no_image_gets_more_views_than_asked_for() -> None:
    assert affordable_views(10, 1, 224 * 224, 4) == 1
    assert affordable_views(10, 0, 224 * 224, 4) == 0


def test_both_classes_are_drawn_equally_often_and_no_other_index() -> None:
    targets = np.array([0] * 95 + [1] * 5 + [1] * 50)
    bank = toy_bank(targets, lambda _: {})
    with reproducible(1) as compute:
        material = TrainingData(bank, targets, TrainConfig(draws_cap=4000, oversampling=99), compute)
        drawn = sample_epoch(material, range(100), np.random.default_rng(1))

    assert len(drawn) == 4000
    assert drawn.max() < 100
    assert targets[drawn].mean() == pytest.approx(0.5, abs=0.03)


def test_settings_of_the_process_come_back() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()

    with reproducible(1):
        torch.manual_seed(3)
        assert torch.are_deterministic_algorithms_enabled() and torch.get_num_threads() == 1

    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def test_each_purpose_has_its_own_seed() -> None:
    seeds = {derive_seed(7, *purpose) for purpose in (("a",), ("b",), ("a", 1), ("a", 2))} | {derive_seed(8, "a")}

    assert len(seeds) == 5


def test_a_stage_reports_its_part_of_the_whole() -> None:
    steps: list[Progress] = []

    Stage(steps.append).substage(0.5, 1, "fold 1 of 2").substage(0, 0.5).report(0.5, "epoch 3", {"loss": 1.0})

    assert steps == [Progress(0.625, "fold 1 of 2, epoch 3", {"loss": 1.0})]
