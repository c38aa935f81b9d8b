"""Detail in few numbers: it keeps what drawn pictures differ by, and a little of each position's surroundings."""

from __future__ import annotations

import pytest
import torch

from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone
from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.compact_features import (
    COMPACT_CHANNELS,
    CompactFeatures,
    calibration_images,
    fit_compact_features,
    smooth_maps,
)
from mltasks.vision.networks.trunk import Trunk


def mixed_channels(rgb: torch.Tensor) -> torch.Tensor:
    """Sixty channels that are mixtures of ten things, each of another size."""
    generator = torch.Generator().manual_seed(1)
    cells = torch.nn.functional.avg_pool2d(rgb, 8)
    things = torch.sin(torch.einsum("nchw,cd->ndhw", cells, 9 * torch.randn(3, 10, generator=generator)))
    channels = torch.randn(10, 60, generator=generator) * torch.logspace(-2, 2, 60)
    return torch.einsum("ndhw,de->nehw", things, channels)


def test_distances_between_positions_survive() -> None:
    detail = fit_compact_features(mixed_channels(calibration_images()))
    rgb = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        maps = mixed_channels(rgb)
        found = detail(maps)

    blurred = smooth_maps(mixed_channels(calibration_images()))
    spread = blurred.permute(1, 0, 2, 3).flatten(1).std(1)
    whole = (smooth_maps(maps) / spread.view(1, -1, 1, 1)).permute(0, 2, 3, 1).flatten(0, 2)
    few = found.permute(0, 2, 3, 1).flatten(0, 2)
    assert found.shape == (2, COMPACT_CHANNELS, 8, 8)
    torch.testing.assert_close(torch.cdist(few, few), torch.cdist(whole, whole), rtol=1e-2, atol=1e-2)


def test_the_same_network_is_condensed_alike() -> None:
    one, again = (fit_compact_features(mixed_channels(calibration_images())) for _ in range(2))

    assert torch.equal(one.weights, again.weights) and torch.equal(one.bias, again.bias)


def test_a_position_shows_its_neighbours_and_no_more() -> None:
    maps = torch.zeros(1, 2, 7, 7)
    maps[0, 1, 3, 4] = 16

    found = smooth_maps(maps)

    assert found[0, 1, 2:5, 3:6].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    assert found.sum() == 16


def test_at_the_border_a_flat_map_stays_flat() -> None:
    assert torch.allclose(smooth_maps(torch.full((1, 3, 4, 5), 2.0)), torch.full((1, 3, 4, 5), 2.0))


@pytest.mark.parametrize("companion", [False, True], ids=["alone", "with companion"])
def test_it_is_part_of_the_trunk_and_never_learns(companion: bool) -> None:
    torch.manual_seed(1)
    trunk = Trunk(load_backbone("resnet18", "random")[0], AuxiliaryBackbone() if companion else None)

    assert isinstance(trunk.detail, CompactFeatures)
    assert trunk.detail.weights.shape == (COMPACT_CHANNELS, 176 if companion else 128, 1, 1)
    assert not list(trunk.detail.parameters())
    assert {"detail.weights", "detail.bias"} <= set(trunk.state_dict())
