"""Tests of the trunk: maps on known grids at two image sizes, statistics of whole maps, patches."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import AUX_STATISTICS_SIZE, AuxiliaryBackbone, map_statistics
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.calibration_images import calibration_images
from mltasks.vision.networks.embedder import build_embedder
from mltasks.vision.networks.trunk import (
    EMPTY,
    STATISTICS_SIZE,
    FeatureMaps,
    Trunk,
    box_smooth,
    hat_smooth,
    top_mean,
)

BACKBONE_FIELDS = ("layer2", "layer3", "layer4", "statistics")


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    return make_trunk()


@pytest.fixture(scope="module")
def pair() -> Trunk:
    """The backbone at half size beside the auxiliary backbone."""
    return make_trunk(AuxiliaryBackbone(), 0.5)


def make_trunk(auxiliary: AuxiliaryBackbone | None = None, scale: float = 1.0) -> Trunk:
    torch.manual_seed(1)
    return Trunk(load_backbone("resnet18", "random")[0], auxiliary, scale)


def run_trunk(trunk: Trunk, rgb: torch.Tensor) -> FeatureMaps:
    with torch.inference_mode():
        seen: FeatureMaps = trunk(rgb)
    return seen


def test_it_sees_three_depths_and_statistics(trunk: Trunk) -> None:
    seen = run_trunk(trunk, torch.rand(2, 3, 96, 64))

    assert seen.layer2.shape == (2, 128, 6, 4)
    assert seen.layer3.shape == (2, 256, 6, 4)
    assert seen.layer4.shape == (2, 512, 3, 2)
    assert seen.fine.shape == (2, 128, 12, 8), "Alone, the backbone's own map is the finest."
    assert seen.statistics.shape == (2, STATISTICS_SIZE) == (2, 2688)


def test_the_depths_are_the_backbones_own(trunk: Trunk) -> None:
    torch.manual_seed(1)
    network, _ = load_backbone("resnet18", "random")
    rgb = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        found = network.eval().maxpool(network.relu(network.bn1(network.conv1((rgb - trunk.mean) / trunk.deviation))))
        fine = network.layer2(network.layer1(found))
        middle = network.layer3(fine)
        deep = network.layer4(middle)

    seen = run_trunk(trunk, rgb)
    torch.testing.assert_close(seen.layer3, middle)
    torch.testing.assert_close(seen.layer4, deep)
    torch.testing.assert_close(seen.layer2[0, :, 1, 2], fine[0, :, 2:4, 4:6].mean((1, 2)))
    torch.testing.assert_close(seen.statistics, map_statistics(fine, middle, deep))


def test_at_half_size_it_sees_what_it_sees_of_the_halved_image(trunk: Trunk) -> None:
    rgb = torch.rand(2, 3, 128, 96)
    found, wanted = run_trunk(make_trunk(scale=0.5), rgb), run_trunk(trunk, F.avg_pool2d(rgb, 2))

    assert found.layer3.shape == (2, 256, 4, 3) and found.layer4.shape == (2, 512, 2, 2)
    for name, one, other in zip(FeatureMaps._fields, found, wanted, strict=True):
        assert one is other is EMPTY or torch.equal(one, other), name


def test_the_auxiliary_backbone_sees_the_image_whole_beside_a_backbone_at_half_size(pair: Trunk) -> None:
    rgb = torch.rand(2, 3, 128, 96)
    found, alone = run_trunk(pair, rgb), run_trunk(make_trunk(scale=0.5), rgb)
    assert pair.companion is not None
    with torch.inference_mode():
        seen = pair.companion(rgb)

    assert found.fine.shape == (2, 48, 16, 12) and found.aux_maps.shape == (2, 120, 8, 6)
    assert found.aux_coarse.shape == (2, 120, 4, 3)
    assert found.aux_statistics.shape == (2, AUX_STATISTICS_SIZE)
    for name in BACKBONE_FIELDS:
        torch.testing.assert_close(getattr(found, name), getattr(alone, name))
    given = (found.fine, found.aux_maps, found.aux_coarse, found.aux_statistics)
    for one, other in zip(given, seen, strict=True):
        torch.testing.assert_close(one, other)


def test_without_an_auxiliary_backbone_its_fields_are_empty(trunk: Trunk) -> None:
    seen = run_trunk(trunk, torch.rand(1, 3, 64, 64))

    assert seen.aux_maps is seen.aux_coarse is seen.aux_statistics is EMPTY


@pytest.mark.parametrize("name", ["trunk", "pair"])
def test_an_image_is_seen_the_same_alone_and_in_company(name: str, request: pytest.FixtureRequest) -> None:
    rgb = torch.rand(3, 3, 64, 64)
    seer = request.getfixturevalue(name)
    together, alone = run_trunk(seer, rgb), run_trunk(seer, rgb[1:2])

    for field, one, other in zip(FeatureMaps._fields, together, alone, strict=True):
        assert one is other is EMPTY or torch.allclose(one[1:2], other, rtol=1e-3, atol=1e-3), field


@pytest.mark.parametrize("name", ["trunk", "pair"])
def test_statistics_of_the_calibration_images_are_kept_and_a_copy_has_them_too(
    name: str, request: pytest.FixtureRequest
) -> None:
    seer: Trunk = request.getfixturevalue(name)
    seen, kept = run_trunk(seer, calibration_images()), seer.calibration_features

    torch.testing.assert_close(kept.statistics, seen.statistics)
    assert kept.layer3 is kept.fine is kept.aux_maps is EMPTY
    assert kept.aux_statistics is EMPTY if seer.companion is None else len(kept.aux_statistics) == 32
    copied = copy.deepcopy(seer)
    assert copied.calibration_features.aux_statistics is EMPTY or seer.companion is not None
    assert torch.equal(build_embedder(copied).weights, build_embedder(seer).weights)


def test_nothing_of_it_learns_or_drifts(pair: Trunk) -> None:
    pair.train()

    assert not any(module.training for module in pair.modules())
    assert not any(parameter.requires_grad for parameter in pair.parameters())


def test_statistics_are_mean_deviation_and_maximum_of_each_channel() -> None:
    maps = torch.tensor([[[1.0, 3.0], [1.0, 3.0]], [[5.0, 5.0], [5.0, 5.0]]])[None]
    other = torch.tensor([[[[-4.0]]]])

    found = map_statistics(maps, other)[0].tolist()

    assert found == pytest.approx([2, 5, 1, 0, 3, 5, -4, 0, -4], abs=1e-5)


def test_statistics_of_a_flat_map_can_be_learned_through() -> None:
    flat = torch.ones(1, 2, 3, 3, requires_grad=True)

    map_statistics(flat).sum().backward()  # type: ignore[no-untyped-call]

    assert flat.grad is not None and flat.grad.isfinite().all()


def test_a_patch_is_the_mean_of_its_surroundings() -> None:
    maps = torch.rand(2, 5, 5, 4)
    found = box_smooth(maps)

    assert found.shape == maps.shape
    torch.testing.assert_close(found[:, :, 2, 1], maps[:, :, 1:4, 0:3].mean((2, 3)))


def test_a_fine_position_shows_its_neighbours_and_no_more() -> None:
    maps = torch.zeros(1, 2, 7, 7)
    maps[0, 1, 3, 4] = 16

    found = hat_smooth(maps)

    assert found[0, 1, 2:5, 3:6].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert found.sum() == 16


def test_at_the_border_a_flat_map_stays_flat() -> None:
    assert torch.allclose(hat_smooth(torch.full((1, 3, 4, 5), 2.0)), torch.full((1, 3, 4, 5), 2.0))


@pytest.mark.parametrize(("share", "wanted"), [(0.001, 9.0), (0.1, 9.0), (0.2, 8.5), (0.5, 7.0), (1.0, 4.5)])
def test_the_mean_of_the_top_counts_one_cell_at_least(share: float, wanted: float) -> None:
    cells = torch.arange(10.0)[torch.randperm(10)].view(1, 2, 5)

    assert top_mean(cells, share).tolist() == [wanted]
