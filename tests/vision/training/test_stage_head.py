"""The companion's blocks that learn: they start as the network's own, and find what the frozen maps hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mltasks.vision.benchmarks.repeated_figures import area
from mltasks.vision.heads.classifier import SecondStageHead
from mltasks.vision.networks.auxiliary_backbone import LEARNING_BLOCKS, SECOND, STAGE, TAPS, Companion
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import NOTHING, Seen, Trunk
from mltasks.vision.training.feature_bank import Maps, Material, TrunkViews
from mltasks.vision.training.fine_tuning import train_stage
from mltasks.vision.training.fit_pooled_head import scores_of
from mltasks.vision.training.folds import Lesson
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress, TrainConfig

GRID, COUNT = 8, 48
CONFIG = TrainConfig(stage_epochs=3, batch_size=8, oversampling=3)


@pytest.fixture(scope="module")
def companion() -> Companion:
    return Companion()


def material(compute: Compute, config: TrainConfig = CONFIG) -> Material:
    """Noise; in every other image channels of the companion's map are brighter in a corner's quarter."""
    generator = np.random.default_rng(5)
    targets = np.arange(COUNT) % 2
    clean = Maps.empty(COUNT, 16 * GRID, 16 * GRID, fine=False, second=True)
    clean.second[:] = generator.normal(size=clean.second.shape)
    clean.second[targets == 1, :40, : GRID // 2, : GRID // 2] += 2
    views = Maps.empty(0, 16 * GRID, 16 * GRID, fine=False, second=True)
    bank = TrunkViews(clean, views, np.zeros((COUNT, 3, 1, 1), np.float16), np.arange(COUNT), 0)
    return Material(bank, targets, config, compute)


def test_it_starts_as_the_networks_own_blocks(companion: Companion) -> None:
    maps = torch.randn(2, SECOND, 8, 6, generator=torch.Generator().manual_seed(1))
    first = TAPS[1] + 1

    with torch.inference_mode():
        wanted = maps
        for block in companion.network.blocks[first : first + LEARNING_BLOCKS]:
            wanted = block(wanted)
        found = companion.stage()(maps)

    assert found.shape == (2, STAGE, 4, 3)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


def test_the_whole_surface_and_the_strongest_position_both_decide(companion: Companion) -> None:
    head = SecondStageHead(companion, 0.3).eval()
    second = torch.randn(2, SECOND, 8, 6, generator=torch.Generator().manual_seed(1))

    def judged(mean: float, maximum: float) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode():
            head.linear.weight[:] = torch.tensor([mean, maximum]).repeat_interleave(STAGE)
            head.linear.bias[:] = 0
            found: tuple[torch.Tensor, torch.Tensor] = head(Seen(*[NOTHING] * 4, second=second))
        return found

    surface, cells = judged(1, 0)
    strongest, same = judged(0, 1)
    assert cells.shape == (2, 4, 3)
    torch.testing.assert_close(surface, cells.mean((1, 2)), rtol=1e-4, atol=1e-3)
    # What a position would give alone is its mean, and its maximum too.
    torch.testing.assert_close(same, cells)
    assert (strongest > cells.amax((1, 2))).all(), "Each channel has its maximum at a place of its own."


def test_one_position_alone_gives_what_its_cell_says(companion: Companion) -> None:
    head = SecondStageHead(companion, 0.3).eval()
    with torch.inference_mode():
        logits, cells = head(Seen(*[NOTHING] * 4, second=torch.randn(1, SECOND, 2, 2)))

    assert cells.shape == (1, 1, 1)
    torch.testing.assert_close(logits, cells.flatten())


def test_it_learns_and_the_companion_stays_as_it_is(companion: Companion) -> None:
    train, test = list(range(32)), list(range(32, COUNT))
    before = {name: value.clone() for name, value in companion.state_dict().items()}
    steps: list[Progress] = []
    with reproducible(1) as compute:
        toy = material(compute)
        head = train_stage(companion, toy, train, 3, Stage(steps.append))
        scores, _ = scores_of(head, toy, test)

    assert area(np.asarray(scores), toy.targets[test]) > 0.95
    assert not head.training
    assert [step.stage for step in steps] == ["epoch 1", "epoch 2", "epoch 3"] and steps[-1].share == 1
    assert all(torch.equal(value, before[name]) for name, value in companion.state_dict().items())


def test_the_seed_alone_decides_about_the_weights(companion: Companion) -> None:
    train = list(range(16))
    with reproducible(1) as compute:
        toy = material(compute, replace(CONFIG, stage_epochs=1))
        one, other, another = (
            train_stage(companion, toy, train, seed, Stage(lambda _: None)).state_dict() for seed in (3, 3, 4)
        )

    assert all(torch.equal(value, one[name]) for name, value in other.items())
    assert not torch.equal(another["linear.weight"], one["linear.weight"])


@pytest.mark.parametrize(("epochs", "labels", "learns"), [(3, 100, True), (3, 99, False), (0, 100, False)])
def test_of_few_labels_no_block_learns(companion: Companion, epochs: int, labels: int, learns: bool) -> None:
    network, _ = load_backbone("resnet18", "random")
    with reproducible(1) as compute:
        toy = material(compute, replace(CONFIG, stage_epochs=epochs))
        lesson = Lesson([], toy, Trunk(network, companion), network.get_submodule("layer4"))

        assert bool(lesson.for_labels(labels).material.config.stage_epochs) is learns
