"""The bank of views: one run of the trunk a view, the same for every fold, bounded for any number of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mltasks.vision.networks.auxiliary_backbone import EFFICIENTNET_LITE2, AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import derive_seed, reproducible
from mltasks.vision.networks.trunk import Trunk
from mltasks.vision.training import feature_bank
from mltasks.vision.training.feature_bank import (
    FeatureBank,
    StoredFeatures,
    TrainingData,
    affordable_views,
    build_feature_bank,
)
from mltasks.vision.training.fit_pooled_head import sample_epoch
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress, Sample, TrainConfig, no_progress
from tests.vision.sample_images import gradient

CONFIG = TrainConfig(height=64, width=64, views=3, threads=1, companion="")
NAMES = ("layer2", "layer3", "layer4", "statistics", "compact", "aux_maps", "aux_statistics")


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        gradient(50 + number, 40).save(path)
        found.append(Sample(path.name, f"sha-{number}", path, number % 2, path.name))
    return found


def bank_of(samples: list[Sample], augmented: set[int], config: TrainConfig = CONFIG) -> FeatureBank:
    torch.manual_seed(1)
    network, _ = load_backbone("resnet18", "random")
    with reproducible(1) as compute:
        trunk = Trunk(network, AuxiliaryBackbone() if config.companion else None)
        return build_feature_bank(samples, augmented, trunk, config, compute, Stage(no_progress))


def same_maps(first: StoredFeatures, second: StoredFeatures) -> bool:
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in NAMES)


def map_rows(maps: StoredFeatures, at: slice) -> StoredFeatures:
    kept = [getattr(maps, name) for name in NAMES]
    return StoredFeatures(*(one[at] if len(one) else one for one in kept))


def test_each_image_has_its_maps_and_those_in_training_their_views(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 3})

    assert (bank.clean.layer2.shape, bank.clean.layer3.shape) == ((5, 128, 4, 4), (5, 256, 4, 4))
    assert (bank.clean.layer4.shape, bank.clean.statistics.shape) == ((5, 512, 2, 2), (5, 2688))
    # No detector looks at augmented views, so their fine maps are not kept.
    assert (bank.augmented.layer2.shape, bank.augmented.layer3.shape) == ((0, 128, 4, 4), (6, 256, 4, 4))
    assert (bank.augmented.layer4.shape, bank.augmented.statistics.shape) == ((6, 512, 2, 2), (6, 2688))
    assert bank.autoencoder_images.shape == (5, 3, 64, 64)
    assert bank.first_view_row.tolist() == [0, -1, -1, 1, -1]
    assert not np.array_equal(bank.augmented.layer3[0], bank.augmented.layer3[1])


def test_a_batch_is_what_the_trunk_saw_of_these_images(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 3})
    with reproducible(1) as compute:
        clean = bank.clean_batch([4, 1], compute)
        view = bank.augmented_batch(np.array([3, 0]), np.array([2, 1]), compute)

    assert np.array_equal(clean.layer4.numpy(), bank.clean.layer4[[4, 1]].astype(np.float32))
    assert np.array_equal(clean.statistics.numpy(), bank.clean.statistics[[4, 1]])
    # As the networks read them, so that no convolution turns them again
    assert all(
        maps.is_contiguous(memory_format=torch.channels_last) for maps in (clean.layer3, clean.layer2, view.layer4)
    )
    # Image 3 is the second in the bank of three views each.
    assert np.array_equal(view.layer3.numpy(), bank.augmented.layer3[[5, 1]].astype(np.float32))


def test_an_images_views_do_not_depend_on_the_other_images(samples: list[Sample]) -> None:
    everything, alone = bank_of(samples, {0, 1, 2, 3, 4}), bank_of(samples[3:4], {0})

    assert same_maps(map_rows(everything.augmented, slice(9, 12)), alone.augmented)
    assert same_maps(map_rows(everything.clean, slice(3, 4)), alone.clean)


def test_another_seed_gives_other_views_of_the_same_image(samples: list[Sample]) -> None:
    one, other = bank_of(samples, {0}), bank_of(samples, {0}, replace(CONFIG, seed=8))

    assert same_maps(one.clean, other.clean)
    assert not np.array_equal(one.augmented.layer3, other.augmented.layer3)


def test_the_companion_sees_images_and_their_views(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 1}, replace(CONFIG, companion=EFFICIENTNET_LITE2))

    assert (bank.clean.aux_maps.shape, bank.clean.aux_statistics.shape) == ((5, 120, 4, 4), (5, 1560))
    assert (bank.augmented.aux_maps.shape, bank.augmented.aux_statistics.shape) == ((6, 120, 4, 4), (6, 1560))
    with reproducible(1) as compute:
        seen = bank.augmented_batch(np.array([1, 0]), np.array([2, 0]), compute)
    assert np.array_equal(seen.aux_statistics.numpy(), bank.augmented.aux_statistics[[5, 0]])
    assert np.array_equal(seen.aux_maps.numpy(), bank.augmented.aux_maps[[5, 0]].astype(np.float32))
    assert len(seen.layer2) == 0


def test_a_large_bank_lies_in_a_file_and_reads_the_same(samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = bank_of(samples, {0, 1})
    monkeypatch.setattr(feature_bank, "MAX_MEMORY_BYTES", 1000)

    on_disk = bank_of(samples, {0, 1})

    assert isinstance(on_disk.augmented.layer3, np.memmap)
    assert same_maps(on_disk.augmented, in_memory.augmented) and same_maps(on_disk.clean, in_memory.clean)


@pytest.mark.parametrize(("images", "views"), [(37, 8), (860, 8), (1300, 6), (2600, 3), (100_000, 0), (0, 8)])
def test_many_images_get_fewer_views(images: int, views: int) -> None:
    assert affordable_views(images, 100_352, 8, 224 * 224) == views


def test_large_images_get_fewer_views_than_small_ones() -> None:
    assert affordable_views(600, 100_352, 8, 224 * 224) == 8
    assert affordable_views(600, 100_352, 8, 4 * 224 * 224) == 3


def test_none_is_better_than_a_single_view_of_each() -> None:
    assert affordable_views(1300, 100_352, 8, 4 * 224 * 224) == 0


def test_no_image_gets_more_views_than_asked_for() -> None:
    assert affordable_views(10, 100_352, 1, 224 * 224) == 1
    assert affordable_views(10, 100_352, 0, 224 * 224) == 0


def test_without_views_heads_learn_from_the_images_as_they_are(samples: list[Sample]) -> None:
    bank = bank_of(samples, {0, 3}, replace(CONFIG, views=0, companion=EFFICIENTNET_LITE2))
    views = bank.sample_views(2, np.random.default_rng(1))
    with reproducible(1) as compute:
        seen, clean = bank.augmented_batch(np.array([3, 0]), views, compute), bank.clean_batch([3, 0], compute)

    assert views.tolist() == [0, 0] and len(bank.augmented.layer3) == 0
    for name in ("layer3", "layer4", "statistics", "aux_maps", "aux_statistics"):
        assert torch.equal(getattr(seen, name), getattr(clean, name)), name
    # Nothing that learns looks at the finest maps.
    assert len(seen.layer2) == len(seen.compact) == 0


def test_both_classes_are_drawn_equally_often_and_no_other_index() -> None:
    targets = np.array([0] * 95 + [1] * 5 + [1] * 50)
    empty = StoredFeatures.allocate(0, 64, 64, novelty_fields=True, auxiliary=False)
    bank = FeatureBank(empty, empty, empty.layer2, np.zeros(0, np.int64), 1)
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
