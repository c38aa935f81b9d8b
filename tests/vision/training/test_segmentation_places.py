"""The segmentation head learns where: from synthetic defects alone, and from places of the parts it may know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from mltasks.vision.data.augmentation import eval_view
from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.drawing.synthetic_defects import add_synthetic_defects
from mltasks.vision.networks.compute import reproducible
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import FeatureBank, TrainingData, build_feature_bank, read_pixels
from mltasks.vision.training.features.place_grid import MARKED, mask_places
from mltasks.vision.training.fit import build_trunk
from mltasks.vision.training.fit_segmentation import train_segmentation
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Sample, no_progress
from tests.vision.tiny_dataset import TINY, four_samples

STAGE = Stage(no_progress)
CONFIG = TrainConfig(
    height=128, width=128, backbone_weights="random", views=2, synthetic_views=6, dense_epochs=10, batch_size=8
)
TRAIN, NEW = 16, 8


def good_samples(folder: Path) -> list[Sample]:
    samples = []
    for number in range(TRAIN + NEW):
        path = folder / f"{number}.png"
        draw_part(PartKind.GOOD, 300 + number, (128, 128)).image.save(path)
        samples.append(Sample(path.name, f"sha-{number}", path, 0, path.name))
    return samples


@pytest.mark.slow
def test_taught_by_synthetic_defects_alone_its_maximum_lies_on_a_new_one(tmp_path: Path) -> None:
    samples = good_samples(tmp_path)
    trunk, _ = build_trunk(CONFIG)
    hits, chance = list[bool](), list[float]()
    with reproducible(1) as compute:
        bank = build_feature_bank(samples[:TRAIN], set(range(TRAIN)), trunk, CONFIG, compute, STAGE)
        data = TrainingData(bank, np.zeros(TRAIN, np.int64), CONFIG, compute)
        head, _ = train_segmentation(data, range(TRAIN), [], 3, STAGE)
        for number, sample in enumerate(samples[TRAIN:]):
            for seed in range(4):
                drawn, mask = add_synthetic_defects(read_pixels(sample, CONFIG.input_size), 1000 * number + seed)
                with torch.inference_mode():
                    image = eval_view(torch.from_numpy(drawn).permute(2, 0, 1)).unsqueeze(0)
                    cells = head(trunk(image))[1][0].numpy()
                # One cell beside the defect is near enough.
                near = binary_dilation(mask_places(mask) > 0, np.ones((3, 3)))
                hits.append(bool(near[np.unravel_index(cells.argmax(), cells.shape)]))
                chance.append(float(near.mean()))

    assert np.mean(chance) < 0.3
    assert np.mean(hits) > np.mean(chance) + 0.4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    """Four images, of which 0 and 2 are good, with synthetic defects."""
    samples = four_samples(tmp_path_factory.mktemp("parts"))
    with reproducible(1) as compute:
        trunk, _ = build_trunk(TINY)
        bank = build_feature_bank(samples, {0, 1, 2, 3}, trunk, TINY, compute, STAGE)
    return TrainingData(bank, np.array([0, 1, 0, 1]), replace(TINY, oversampling=6), compute)


def weights_after(data: TrainingData, change: Callable[[FeatureBank], FeatureBank]) -> dict[str, torch.Tensor]:
    """Train on the images 0, 1 and 3 with a changed bank."""
    with reproducible(1):
        return train_segmentation(replace(data, bank=change(data.bank)), [0, 1, 3], [2], 3, STAGE)[0].state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def marked(bank: FeatureBank, *numbers: int) -> FeatureBank:
    places: NDArray[np.float16] = np.zeros(bank.synthetic_places.shape[1:], np.float16)
    places[:3, :3] = MARKED
    return replace(bank, places=dict.fromkeys(numbers, places))


def drawn_on(bank: FeatureBank, number: int) -> FeatureBank:
    """The bank with other places of an image's synthetic defects."""
    places = bank.synthetic_places.copy()
    places[bank.synthetic_images == number] = 1
    return replace(bank, synthetic_places=places)


def test_synthetic_defects_and_marks_of_parts_held_out_teach_nothing(tiny: TrainingData) -> None:
    plain = weights_after(tiny, lambda bank: bank)

    assert {0, 2} == set(tiny.bank.synthetic_images.tolist())
    assert same(plain, weights_after(tiny, lambda bank: drawn_on(bank, 2)))
    assert same(plain, weights_after(tiny, lambda bank: marked(bank, 2)))


def test_those_of_parts_in_training_do_teach(tiny: TrainingData) -> None:
    plain = weights_after(tiny, lambda bank: bank)

    assert not same(plain, weights_after(tiny, lambda bank: drawn_on(bank, 0)))
    assert not same(plain, weights_after(tiny, lambda bank: marked(bank, 1)))


def test_it_learns_without_synthetic_defects_and_with_marks_on_all_defects(tiny: TrainingData) -> None:
    def without(bank: FeatureBank) -> FeatureBank:
        return replace(bank, synthetic_images=bank.synthetic_images[:0], synthetic_places=bank.synthetic_places[:0])

    for change in (without, lambda bank: marked(bank, 1, 3), lambda bank: marked(without(bank), 1, 3)):
        assert all(value.isfinite().all() for value in weights_after(tiny, change).values())
