"""The statistics heads: a logistic regression on whole-map statistics sees what has no place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mltasks.vision.benchmarks.repeated_figures import auroc_value
from mltasks.vision.networks.auxiliary_backbone import AUX_STATISTICS_SIZE
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import STATISTICS_SIZE
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.fit_pooled_head import score_head
from mltasks.vision.training.fit_statistics_head import fit_statistics_head
from tests.vision.toy_features import toy_bank

COUNT = 48
SIZES = {"statistics": STATISTICS_SIZE, "aux_statistics": AUX_STATISTICS_SIZE}
TRAIN, TEST = list(range(32)), list(range(32, COUNT))


def material(compute: Compute, source: str, views: int = 2) -> TrainingData:
    """Noise, with a shift of some statistics in every other part."""
    generator = np.random.default_rng(5)
    targets = np.arange(COUNT) % 2

    def draw(of: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
        rows = {name: generator.normal(size=(len(of), size)) for name, size in SIZES.items()}
        rows[source][of == 1, :40] += 1.5
        return rows

    return TrainingData(toy_bank(targets, draw, views), targets, TrainConfig(), compute)


@pytest.mark.parametrize("views", [0, 2])
@pytest.mark.parametrize("source", SIZES)
def test_it_sees_what_has_no_place(source: str, views: int) -> None:
    with reproducible(1) as compute:
        toy = material(compute, source, views)
        head = fit_statistics_head(toy, TRAIN, source)
        scores, peaks = score_head(head, toy, TEST)
        again = fit_statistics_head(toy, TRAIN, source).state_dict()

    assert auroc_value(np.asarray(scores), toy.targets[TEST]) > 0.95
    assert peaks == scores, "Its only cell is the whole part."
    assert not head.training and head.source == source
    assert all(torch.equal(value, again[name]) for name, value in head.state_dict().items())


def test_parts_held_out_and_their_views_teach_nothing() -> None:
    with reproducible(1) as compute:
        toy = material(compute, "statistics")
        before = fit_statistics_head(toy, TRAIN).state_dict()
        toy.bank.clean.arrays["statistics"][TEST] = 99
        toy.bank.augmented.arrays["statistics"][2 * TEST[0] :] = 99
        after = fit_statistics_head(toy, TRAIN).state_dict()

    assert all(torch.equal(value, after[name]) for name, value in before.items())
