"""What the trunk sees: three depths on known grids, statistics of whole maps, patches with their surroundings."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.networks.auxiliary_backbone import map_statistics
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compact_features import COMPACT_CHANNELS
from mltasks.vision.networks.trunk import STATISTICS_SIZE, FeatureMaps, Trunk, top_mean, trunk_patches


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    torch.manual_seed(1)
    return Trunk(load_backbone("resnet18", "random")[0])


def run_trunk(trunk: Trunk, rgb: torch.Tensor) -> FeatureMaps:
    with torch.inference_mode():
        seen: FeatureMaps = trunk(rgb)
    return seen


def test_it_sees_three_depths_and_statistics(trunk: Trunk) -> None:
    seen = run_trunk(trunk, torch.rand(2, 3, 96, 64))

    assert seen.layer2.shape == (2, 128, 6, 4)
    assert seen.layer3.shape == (2, 256, 6, 4)
    assert seen.layer4.shape == (2, 512, 3, 2)
    assert seen.compact.shape == (2, COMPACT_CHANNELS, 12, 8) == (2, 48, 12, 8)
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


def test_an_image_is_seen_the_same_alone_and_in_company(trunk: Trunk) -> None:
    rgb = torch.rand(3, 3, 64, 64)
    together, alone = run_trunk(trunk, rgb), run_trunk(trunk, rgb[1:2])

    for name, one, other in zip(FeatureMaps._fields, together, alone, strict=True):
        # Detail is over what drawn pictures differ by, which is little to a network of random weights.
        rounding = 1e-3 if name == "compact" else 1e-5
        torch.testing.assert_close(one[1:2], other, rtol=1e-4, atol=rounding)


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
    fine, middle = torch.rand(2, 128, 5, 4), torch.rand(2, 256, 5, 4)

    found = trunk_patches(FeatureMaps(fine, middle, torch.rand(2, 512, 2, 2), torch.rand(2, STATISTICS_SIZE)))

    assert found.shape == (2, 384, 5, 4)
    torch.testing.assert_close(found[:, :128, 2, 1], fine[:, :, 1:4, 0:3].mean((2, 3)))
    torch.testing.assert_close(found[:, 128:, 3, 2], middle[:, :, 2:5, 1:4].mean((2, 3)))


@pytest.mark.parametrize(("share", "wanted"), [(0.001, 9.0), (0.1, 9.0), (0.2, 8.5), (0.5, 7.0), (1.0, 4.5)])
def test_the_mean_of_the_top_counts_one_cell_at_least(share: float, wanted: float) -> None:
    cells = torch.arange(10.0)[torch.randperm(10)].view(1, 2, 5)

    assert top_mean(cells, share).tolist() == [wanted]
