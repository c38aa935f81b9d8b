"""The second pair of eyes: what it sees does not change with the lamps, and nothing about it ever learns."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import (
    AUX_STATISTICS_SIZE,
    AUX_STRIDE8_CHANNELS,
    AUX_STRIDE16_CHANNELS,
    COARSE_BLOCK,
    AuxiliaryBackbone,
)
from mltasks.vision.networks.illumination import normalize_illumination


@pytest.fixture(scope="module")
def companion() -> AuxiliaryBackbone:
    return AuxiliaryBackbone()


def part(seed: int = 1) -> Tensor:
    """A grey surface with a fine texture, ``[1, 3, 128, 96]``."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 1, 32, 24), generator=generator)
    texture = F.interpolate(coarse, scale_factor=4.0, mode="bilinear") - 0.5
    return (0.5 + 0.2 * texture).repeat(1, 3, 1, 1)


def relit(rgb: Tensor) -> Tensor:
    """The same surface, darker, with less contrast, and brighter to the right."""
    slope = torch.linspace(-0.12, 0.12, rgb.shape[3]).view(1, 1, 1, -1)
    return rgb * 0.6 + slope


def test_even_light_takes_out_the_lamps_and_leaves_the_surface() -> None:
    before = (part() - relit(part())).abs().mean()
    after = (normalize_illumination(part()) - normalize_illumination(relit(part()))).abs().mean()

    assert after < 0.15 * before
    assert normalize_illumination(part()).std() > 0.05
    assert normalize_illumination(part()).min() >= 0 and normalize_illumination(part()).max() <= 1


def test_even_light_keeps_a_scratch() -> None:
    scratched = part()
    scratched[..., 60:62, 20:70] -= 0.15
    change = (normalize_illumination(part()) - normalize_illumination(scratched)).abs().mean(1)[0]

    assert change[60:62, 20:70].mean() > 5 * change[100:].mean()


@pytest.mark.parametrize("grey", [0.0, 0.4, 1.0])
def test_a_flat_picture_stays_flat(grey: float) -> None:
    flat = normalize_illumination(torch.full((1, 3, 64, 64), grey))

    assert bool(flat.isfinite().all())
    assert flat.max() - flat.min() < 1e-3


def test_it_sees_maps_and_statistics_and_hardly_the_lamps(companion: AuxiliaryBackbone) -> None:
    with torch.inference_mode():
        fine, maps, coarse, statistics = companion(part())
        other_light, other_part = companion(relit(part())), companion(part(2))

    assert fine.shape == (1, AUX_STRIDE8_CHANNELS, 16, 12)
    assert maps.shape == (1, AUX_STRIDE16_CHANNELS, 8, 6)
    assert coarse.shape == (1, AUX_STRIDE16_CHANNELS, 4, 3)
    assert statistics.shape == (1, AUX_STATISTICS_SIZE) == (1, 1560)
    assert (statistics - other_light.statistics).norm() < 0.6 * (statistics - other_part.statistics).norm()
    assert (coarse - other_light.coarse).norm() < 0.6 * (coarse - other_part.coarse).norm()


def test_the_coarse_map_is_the_networks_of_the_half_size_image(companion: AuxiliaryBackbone) -> None:
    # The illumination is normalized at full size, then the image is halved.
    half = F.avg_pool2d(normalize_illumination(part()), 2)
    with torch.inference_mode():
        x = companion.network.stem((half * 255 - 127) / 128)
        for block in companion.network.blocks[: COARSE_BLOCK + 1]:
            x = block(x)

        torch.testing.assert_close(companion(part()).coarse, x)


def test_maps_after_early_blocks_are_those_of_the_whole_network(companion: AuxiliaryBackbone) -> None:
    network = companion.network
    with torch.inference_mode():
        everything = network(part())
        [early] = network.maps_after(part(), network.taps[:1])

    assert len(everything) == len(network.taps) == 3
    torch.testing.assert_close(early, everything[0])


def test_nothing_of_it_learns_or_drifts(companion: AuxiliaryBackbone) -> None:
    companion.train()

    assert not companion.training and not any(module.training for module in companion.modules())
    assert not any(parameter.requires_grad for parameter in companion.parameters())
