"""The segmentation head: it learns from few parts what a small defect looks like, and the seed alone decides how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mltasks.vision.heads.classifier import Standardize
from mltasks.vision.heads.segmentation import FIRST_CELL_LOGIT, WIDTH, SegmentationHead
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.features.feature_bank import TrainingData
from mltasks.vision.training.fit_pooled_head import score_head
from mltasks.vision.training.fit_segmentation import train_segmentation
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress
from tests.vision.toy_features import toy_bank

GRID, VIEWS, COUNT = 8, 2, 48
CONFIG = TrainConfig(dense_epochs=8, batch_size=8, oversampling=3)
ALONE = replace(CONFIG, companion="")


def make_feature_maps(count: int = 2, seed: int = 1) -> FeatureMaps:
    generator = torch.Generator().manual_seed(seed)
    fine = torch.randn(count, 48, 12, 8, generator=generator)
    return FeatureMaps(*[EMPTY] * 4, fine=fine, aux_maps=torch.randn(count, 120, 6, 4, generator=generator))


def make_head() -> SegmentationHead:
    torch.manual_seed(2)
    return SegmentationHead(48, 120, 0.3, middle="aux_maps").eval()


def test_it_gives_a_logit_and_cells_on_the_finer_grid() -> None:
    with torch.inference_mode():
        logits, cells = make_head()(make_feature_maps())

    assert logits.shape == (2,) and cells.shape == (2, 12, 8)
    # Few cells are defective, and nothing is known of the part.
    assert cells.mean().item() == pytest.approx(FIRST_CELL_LOGIT, abs=0.5)
    assert logits.abs().max() < 0.5


def test_the_highest_cell_can_decide_where_a_mean_would_drown_it() -> None:
    head, part = make_head(), make_feature_maps()
    with torch.inference_mode():
        head.linear.weight.zero_()
        head.linear.weight[0, 2 * WIDTH + 1] = 1
        logits, cells = head(part)

    torch.testing.assert_close(logits, cells.amax((1, 2)))


def test_each_map_matters_and_only_near_its_place() -> None:
    head, part = make_head(), make_feature_maps(1)
    with torch.inference_mode():
        before = head(part)[1][0]
        for name, spot in (("fine", (slice(0, 2), slice(0, 2))), ("aux_maps", (slice(0, 1), slice(0, 1)))):
            changed = getattr(part, name).clone()
            changed[0, :, spot[0], spot[1]] += 9
            moved = (head(part._replace(**{name: changed}))[1][0] - before).abs()
            # Each of the blocks looks one cell of the coarser grid around; they start as the identity.
            assert moved[:2, :2].max() > 0.05, name
            assert moved[6:].max() == moved[:, 6:].max() == 0, name


@pytest.mark.parametrize(("middle", "fine"), [("aux_maps", 48), ("layer3", 128)])
def test_it_says_which_maps_it_reads(middle: str, fine: int) -> None:
    head = SegmentationHead(fine, 120, 0.3, middle=middle)

    assert head.fields == ("fine", middle)
    assert {name: norm.mean.shape[1] for name, norm in head.standardizers().items()} == {"fine": fine, middle: 120}


def material(compute: Compute, config: TrainConfig = CONFIG, seed: int = 5) -> TrainingData:
    """Noise with, in every other part, a bright position of both maps that the head reads."""
    generator = np.random.default_rng(seed)
    targets = np.arange(COUNT) % 2
    middle, channels = ("aux_maps", (48, 120)) if config.companion else ("layer3", (128, 256))

    def draw(of: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
        fine = generator.normal(size=(len(of), channels[0], 2 * GRID, 2 * GRID))
        coarse = generator.normal(size=(len(of), channels[1], GRID, GRID))
        for number in np.flatnonzero(of):
            y, x = generator.integers(GRID, size=2)
            fine[number, : channels[0] // 4, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2] += 4
            coarse[number, : channels[1] // 4, y, x] += 4
        return {"fine": fine, middle: coarse}

    return TrainingData(toy_bank(targets, draw, VIEWS, GRID), targets, config, compute)


def split() -> tuple[list[int], list[int]]:
    return list(range(32)), list(range(32, COUNT))


def silent_stage() -> Stage:
    return Stage(lambda _: None)


def ranking_accuracy(scores: Sequence[float], targets: np.ndarray) -> float:
    """The share of pairs of a defect and a good part that are ranked right."""
    found = np.asarray(scores)
    return float((found[targets == 1][:, None] > found[targets == 0]).mean())


@pytest.mark.parametrize("config", [CONFIG, ALONE], ids=["auxiliary backbone", "backbone alone"])
def test_it_learns_what_a_small_defect_looks_like(config: TrainConfig) -> None:
    train, test = split()
    steps: list[Progress] = []
    with reproducible(1) as compute:
        toy = material(compute, config)
        head, curve = train_segmentation(toy, train, test, 3, Stage(steps.append))
        scores, peaks = score_head(head, toy, test)

    assert head.fields == ("fine", "aux_maps" if config.companion else "layer3")
    assert ranking_accuracy(scores, toy.targets[test]) > 0.95
    assert ranking_accuracy(peaks, toy.targets[test]) > 0.95, "Labels of whole parts teach the map, too."
    assert not head.training
    assert [one.epoch for one in curve] == list(range(1, 9))
    assert curve[-1].train_loss < curve[0].train_loss and curve[-1].validation_loss < 0.1
    assert curve[-1].learning_rate < 0.1 * curve[0].learning_rate
    assert steps[-1].share == 1 and steps[-1].metrics["validation_loss"] == curve[-1].validation_loss


def test_the_seed_alone_decides_about_the_weights() -> None:
    train, test = split()
    with reproducible(1) as compute:
        toy = material(compute, replace(CONFIG, dense_epochs=2))
        one, other, without = (
            train_segmentation(toy, train[:16], held_out, 3, silent_stage())[0] for held_out in (test, test, [])
        )
        another = train_segmentation(toy, train[:16], test, 4, silent_stage())[0]

    same = one.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in other.state_dict().items())
    # What is held out is only written down.
    assert all(torch.equal(value, same[name]) for name, value in without.state_dict().items())
    assert not torch.equal(another.middle.weight, one.middle.weight)


def test_channels_are_standardised_by_what_it_learns_from() -> None:
    train, test = split()
    with reproducible(1) as compute:
        toy = material(compute, replace(CONFIG, dense_epochs=1))
        head, _ = train_segmentation(toy, train, test, 3, silent_stage())

    for name, norm in head.standardizers().items():
        seen = torch.from_numpy(toy.bank.clean.arrays[name][train]).float()
        torch.testing.assert_close(norm.mean.flatten(), seen.mean((0, 2, 3)))
        torch.testing.assert_close(norm.deviation.flatten(), seen.std((0, 2, 3)))


@pytest.mark.parametrize(("bias", "side"), [(True, 1), (False, 1), (False, 2)])
def test_a_standard_inside_the_weights_is_the_standard_of_the_maps(bias: bool, side: int) -> None:
    standard, weigh = Standardize(5), torch.nn.Conv2d(5, 3, side, stride=side, bias=bias)
    standard.mean.copy_(torch.arange(5.0).view(1, 5, 1, 1))
    standard.deviation.copy_(torch.linspace(0.1, 2, 5).view(1, 5, 1, 1))
    maps, pull = torch.randn(2, 5, 4, 6), torch.randn(2, 3, 4 // side, 6 // side)

    plain, quick = weigh((maps - standard.mean) / standard.deviation), standard.forward(weigh, maps)

    torch.testing.assert_close(quick, plain, rtol=1e-4, atol=1e-4)
    learned = list(weigh.parameters())
    for one, other in zip(
        torch.autograd.grad((quick * pull).sum(), learned),
        torch.autograd.grad((plain * pull).sum(), learned),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
