"""The dense head: the strongest positions decide, and it learns from few parts where a defect is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from mltasks.vision.heads.classifier import AuxiliaryDenseHead, DenseHead, Standardize, TopKHead
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.networks.trunk import STATISTICS_SIZE, FeatureMaps, top_mean
from mltasks.vision.training.feature_bank import FeatureBank, StoredFeatures, TrainingData
from mltasks.vision.training.fit_dense_head import fit_statistics_head, train_dense
from mltasks.vision.training.fit_pooled_head import score_head
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import Progress, TrainConfig

GRID, VIEWS, COUNT = 8, 2, 48
CONFIG = TrainConfig(dense_epochs=8, batch_size=8, oversampling=3)


def make_head() -> DenseHead:
    """Each cell's logit is the first channel of the middle map."""
    head = DenseHead(0.3).eval()
    with torch.no_grad():
        for one in head.parameters():
            one.zero_()
        head.middle.weight[0, 0] = head.cells.weight[0, 0] = 1
    return head


def make_feature_maps(values: torch.Tensor) -> FeatureMaps:
    middle = torch.zeros(1, 256, *values.shape)
    middle[0, 0] = values
    deep = torch.zeros(1, 512, values.shape[0] // 2, values.shape[1] // 2)
    return FeatureMaps(torch.zeros(1, 128, *values.shape), middle, deep, torch.zeros(1, STATISTICS_SIZE))


def test_one_small_bright_spot_decides_where_a_mean_would_drown_it() -> None:
    spot, haze = torch.zeros(20, 20), torch.full((20, 20), 0.05)
    spot[3, 4:6] = 10

    with torch.inference_mode():
        (found, cells), (spread, hazy) = (make_head()(make_feature_maps(values)) for values in (spot, haze))

    # Both have the same mean: the recipe of old could not tell them apart.
    assert cells.mean().item() == pytest.approx(hazy.mean().item()) == pytest.approx(0.05)
    assert found.item() == pytest.approx(10)
    assert spread.item() == pytest.approx(0.05)
    assert np.unravel_index(int(cells[0].argmax()), (20, 20)) in [(3, 4), (3, 5)]


def test_on_a_small_grid_the_strongest_position_decides_alone() -> None:
    values = torch.rand(4, 4)
    with torch.inference_mode():
        logit, cells = make_head()(make_feature_maps(values))

    assert logit.item() == pytest.approx(values.max().item())
    torch.testing.assert_close(top_mean(cells, 0.006), logit)


def material(compute: Compute, kind: str, seed: int = 5) -> TrainingData:
    """Noise with, in every other part, a bright position of the ResNet18's maps (``spot``), of the companion's
    (``second spot``), or a shift of all statistics (``texture``)."""
    generator = np.random.default_rng(seed)
    targets = np.arange(COUNT) % 2

    def maps(of: np.ndarray) -> StoredFeatures:
        found = StoredFeatures.allocate(len(of), 16 * GRID, 16 * GRID, novelty_fields=False, auxiliary=True)
        found.aux_maps[:] = generator.normal(size=found.aux_maps.shape)
        found.layer3[:] = generator.normal(size=found.layer3.shape)
        found.layer4[:] = generator.normal(size=found.layer4.shape)
        found.statistics[:] = generator.normal(size=found.statistics.shape)
        for number in np.flatnonzero(of):
            y, x = generator.integers(GRID, size=2)
            if kind == "spot":
                found.layer3[number, :32, y, x] += 4
                found.layer4[number, :64, y // 2, x // 2] += 4
            elif kind == "second spot":
                found.aux_maps[number, :64, y, x] += 4
            else:
                found.statistics[number, :40] += 1.5
        return found

    bank = FeatureBank(
        maps(targets), maps(np.repeat(targets, VIEWS)), np.zeros((COUNT, 3, 1, 1), np.float16), np.arange(COUNT), VIEWS
    )
    return TrainingData(bank, targets, CONFIG, compute)


def split() -> tuple[list[int], list[int]]:
    return list(range(32)), list(range(32, COUNT))


def silent_stage() -> Stage:
    return Stage(lambda _: None)


def ranking_accuracy(scores: Sequence[float], targets: np.ndarray) -> float:
    """The share of pairs of a defect and a good part that are ranked right."""
    found = np.asarray(scores)
    return float((found[targets == 1][:, None] > found[targets == 0]).mean())


@pytest.mark.parametrize(("kind", "where"), [(DenseHead, "spot"), (AuxiliaryDenseHead, "second spot")])
def test_it_learns_what_a_small_defect_looks_like(kind: type[TopKHead], where: str) -> None:
    train, test = split()
    steps: list[Progress] = []
    with reproducible(1) as compute:
        toy = material(compute, where)
        head, curve = train_dense(kind, toy, train, test, 3, Stage(steps.append))
        scores, peaks = score_head(head, toy, test)

    assert ranking_accuracy(scores, toy.targets[test]) > 0.95
    assert peaks == pytest.approx(scores), "On this grid the strongest position is the score."
    assert not head.training
    assert [one.epoch for one in curve] == list(range(1, 9))
    assert curve[-1].validation_loss < curve[0].validation_loss
    assert curve[-1].learning_rate < 0.1 * curve[0].learning_rate
    assert steps[-1].share == 1 and steps[-1].metrics["validation_loss"] == curve[-1].validation_loss


def test_the_seed_alone_decides_about_the_weights() -> None:
    train, test = split()
    with reproducible(1) as compute:
        toy = material(compute, "spot")
        one, other, without = (
            train_dense(DenseHead, toy, train[:16], held_out, 3, silent_stage())[0] for held_out in (test, test, [])
        )
        another = train_dense(DenseHead, toy, train[:16], test, 4, silent_stage())[0]

    same = one.state_dict()
    assert all(torch.equal(value, same[name]) for name, value in other.state_dict().items())
    # What is held out is only written down.
    assert all(torch.equal(value, same[name]) for name, value in without.state_dict().items())
    assert not torch.equal(another.middle.weight, one.middle.weight)


def test_channels_are_standardised_by_what_it_learns_from() -> None:
    train, test = split()
    with reproducible(1) as compute:
        toy = material(compute, "spot")
        head, _ = train_dense(DenseHead, toy, train, test, 3, silent_stage())
    seen = torch.from_numpy(toy.bank.clean.layer3[train]).float()

    torch.testing.assert_close(head.middle_norm.mean.flatten(), seen.mean((0, 2, 3)))
    torch.testing.assert_close(head.middle_norm.deviation.flatten(), seen.std((0, 2, 3)))


@pytest.mark.parametrize("bias", [True, False])
def test_a_standard_inside_the_weights_is_the_standard_of_the_maps(bias: bool) -> None:
    standard, weigh = Standardize(5), torch.nn.Conv2d(5, 3, 1, bias=bias)
    standard.mean.copy_(torch.arange(5.0).view(1, 5, 1, 1))
    standard.deviation.copy_(torch.linspace(0.1, 2, 5).view(1, 5, 1, 1))
    maps, pull = torch.randn(2, 5, 4, 6), torch.randn(2, 3, 4, 6)

    plain, quick = weigh((maps - standard.mean) / standard.deviation), standard.forward(weigh, maps)

    torch.testing.assert_close(quick, plain, rtol=1e-4, atol=1e-4)
    learned = list(weigh.parameters())
    for one, other in zip(
        torch.autograd.grad((quick * pull).sum(), learned),
        torch.autograd.grad((plain * pull).sum(), learned),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


def test_the_texture_head_sees_what_has_no_place() -> None:
    train, test = split()
    with reproducible(1) as compute:
        toy = material(compute, "texture")
        head = fit_statistics_head(toy, train)
        scores, peaks = score_head(head, toy, test)

    assert ranking_accuracy(scores, toy.targets[test]) > 0.95
    assert peaks == scores
