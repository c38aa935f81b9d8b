"""The companion's blocks that learn: they start as the network's own, and find what the frozen maps hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mltasks.vision.benchmarks.repeated_figures import auroc_value
from mltasks.vision.heads.classifier import FineTunedHead
from mltasks.vision.networks.auxiliary_backbone import (
    AUX_STRIDE16_CHANNELS,
    TAP_BLOCKS,
    TRAINABLE_BLOCKS,
    TRAINABLE_CHANNELS,
    AuxiliaryBackbone,
)
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, Trunk
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.fine_tuning import fine_tune_blocks
from mltasks.vision.training.fit_pooled_head import score_head
from mltasks.vision.training.folds import TrainingContext
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress
from tests.vision.toy_features import toy_bank

GRID, COUNT = 8, 48
CONFIG = TrainConfig(stage_epochs=3, batch_size=8, oversampling=3)


@pytest.fixture(scope="module")
def companion() -> AuxiliaryBackbone:
    return AuxiliaryBackbone()


def material(compute: Compute, config: TrainConfig = CONFIG) -> TrainingData:
    """Noise; in every other image channels of the companion's map are brighter in a corner's quarter."""
    generator = np.random.default_rng(5)
    targets = np.arange(COUNT) % 2

    def draw(of: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
        maps = generator.normal(size=(len(of), AUX_STRIDE16_CHANNELS, GRID, GRID))
        maps[of == 1, :40, : GRID // 2, : GRID // 2] += 2
        return {"aux_maps": maps}

    return TrainingData(toy_bank(targets, draw), targets, config, compute)


def test_it_starts_as_the_networks_own_blocks(companion: AuxiliaryBackbone) -> None:
    maps = torch.randn(2, AUX_STRIDE16_CHANNELS, 8, 6, generator=torch.Generator().manual_seed(1))
    first = TAP_BLOCKS[1] + 1

    with torch.inference_mode():
        wanted = maps
        for block in companion.network.blocks[first : first + TRAINABLE_BLOCKS]:
            wanted = block(wanted)
        found = companion.trainable_blocks()(maps)

    assert found.shape == (2, TRAINABLE_CHANNELS, 4, 3)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_the_whole_surface_and_the_strongest_position_both_decide(companion: AuxiliaryBackbone) -> None:
    head = FineTunedHead(companion, 0.3).eval()
    second = torch.randn(2, AUX_STRIDE16_CHANNELS, 8, 6, generator=torch.Generator().manual_seed(1))

    def judged(mean: float, maximum: float) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            head.linear.weight[:] = torch.tensor([mean, maximum]).repeat_interleave(TRAINABLE_CHANNELS)
            head.linear.bias[:] = 0
            found: tuple[torch.Tensor, torch.Tensor] = head(FeatureMaps(*[EMPTY] * 4, aux_maps=second))
        return found

    surface, cells = judged(1, 0)
    strongest, same = judged(0, 1)
    assert cells.shape == (2, 4, 3)
    torch.testing.assert_close(surface, cells.mean((1, 2)), rtol=1e-4, atol=1e-3)
    # What a position would give alone is its mean, and its maximum too.
    torch.testing.assert_close(same, cells)
    assert (strongest > cells.amax((1, 2))).all(), "Each channel has its maximum at a place of its own."


def test_one_position_alone_gives_what_its_cell_says(companion: AuxiliaryBackbone) -> None:
    head = FineTunedHead(companion, 0.3).eval()
    with torch.inference_mode():
        logits, cells = head(FeatureMaps(*[EMPTY] * 4, aux_maps=torch.randn(1, AUX_STRIDE16_CHANNELS, 2, 2)))

    assert cells.shape == (1, 1, 1)
    torch.testing.assert_close(logits, cells.flatten())


def test_it_learns_and_the_companion_stays_as_it_is(companion: AuxiliaryBackbone) -> None:
    train, test = list(range(32)), list(range(32, COUNT))
    before = {name: value.clone() for name, value in companion.state_dict().items()}
    steps: list[Progress] = []
    with reproducible(1) as compute:
        toy = material(compute)
        head = fine_tune_blocks(companion, toy, train, 3, Stage(steps.append))
        scores, _ = score_head(head, toy, test)

    assert auroc_value(np.asarray(scores), toy.targets[test]) > 0.95
    assert not head.training
    assert [step.stage for step in steps] == ["epoch 1", "epoch 2", "epoch 3"] and steps[-1].share == 1
    assert all(torch.equal(value, before[name]) for name, value in companion.state_dict().items())


def test_the_seed_alone_decides_about_the_weights(companion: AuxiliaryBackbone) -> None:
    train = list(range(16))
    with reproducible(1) as compute:
        toy = material(compute, replace(CONFIG, stage_epochs=1))
        one, other, another = (
            fine_tune_blocks(companion, toy, train, seed, Stage(lambda _: None)).state_dict() for seed in (3, 3, 4)
        )

    assert all(torch.equal(value, one[name]) for name, value in other.items())
    assert not torch.equal(another["linear.weight"], one["linear.weight"])


@pytest.mark.parametrize(("epochs", "labels", "learns"), [(3, 100, True), (3, 99, False), (0, 100, False)])
def test_of_few_labels_no_block_learns(companion: AuxiliaryBackbone, epochs: int, labels: int, learns: bool) -> None:
    network, _ = load_backbone("resnet18", "random")
    with reproducible(1) as compute:
        toy = material(compute, replace(CONFIG, stage_epochs=epochs))
        lesson = TrainingContext([], toy, Trunk(network, companion))

        assert bool(lesson.for_label_count(labels).data.config.stage_epochs) is learns
