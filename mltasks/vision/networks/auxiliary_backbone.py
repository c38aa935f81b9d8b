"""Auxiliary backbone: by default EfficientNet-Lite2 with frozen ImageNet weights, besides the ResNet18.

Network and weights come from Python packages, so a plant needs no internet. ImageNet adds knowledge of photographs that
the drawn images behind the shipped ResNet18 lack. Its input is normalized for illumination. It sees a part at full size
for small defects, and its first blocks see the part at half size for broad ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mltasks.vision.networks.backbones import WeightsSource
from mltasks.vision.networks.efficientnet_lite import EfficientNetLiteMaps, FoldedBlock
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.networks.gradient_descent import Frozen
from mltasks.vision.networks.illumination import normalize_illumination
from mltasks.vision.networks.resampling import average_pixels

EFFICIENTNET_LITE2 = "efficientnet-lite2"
# Last blocks at strides 8, 16 and 32; the maps at strides 8 and 16 are used as maps
TAP_BLOCKS = (6, 14, 20)
CHANNELS = (48, 120, 352)
# Block whose map of the half-size input is used: a later block costs more and finds no more novel defects.
COARSE_BLOCK, COARSE_SCALE = 12, 2
AUX_STRIDE8_CHANNELS, AUX_STRIDE16_CHANNELS = CHANNELS[:2]
# Number of blocks behind the stride-16 map that may be fine-tuned, and their output channels
TRAINABLE_BLOCKS, TRAINABLE_CHANNELS = 3, 208
AUX_STATISTICS_SIZE = 3 * sum(CHANNELS)


def map_statistics(*maps: Tensor) -> Tensor:
    """Return mean, deviation and maximum per channel over all positions, ``[N, 3 × channels]``."""
    statistics = []
    for features in maps:
        flat = features.float().flatten(2)
        mean = flat.mean(2)
        deviation = ((flat - mean.unsqueeze(2)).square().mean(2) + 1e-12).sqrt()
        statistics += [mean, deviation, flat.amax(2)]
    return torch.cat(statistics, 1)


class AuxiliaryFeatures(NamedTuple):
    """Features of N images: maps at full size, the map at half size, and statistics.

    The channels are those of EfficientNet-Lite2; other networks have others.

    - ``fine`` ``[N, 48, H/8, W/8]`` and ``maps`` ``[N, 120, H/16, W/16]``
    - ``coarse`` ``[N, 120, H/32, W/32]``: the map at stride 16 of the half-size image
    - ``statistics`` ``[N, 1560]`` of the full-size maps at strides 8, 16 and 32"""

    fine: Tensor
    maps: Tensor
    coarse: Tensor
    statistics: Tensor


class AuxiliaryNetwork(Frozen):
    """Frozen network from RGB float32 ``[N, 3, H, W]`` in [0, 1] to ``AuxiliaryFeatures``.

    ``trainable_channels`` is the number of output channels of ``trainable_blocks``, ``weights`` the source of the
    weights."""

    trainable_channels: int
    weights: WeightsSource

    def trainable_blocks(self) -> nn.Module:
        """Return a trainable copy of the blocks behind the stride-16 map, from its channels to a map at stride 32."""
        raise NotImplementedError

    def full_maps(self, normalized: Tensor) -> list[Tensor]:
        """Return the maps at strides 8, 16 and 32 of an image with normalized illumination."""
        raise NotImplementedError

    def coarse_map(self, halved: Tensor) -> Tensor:
        """Return the map at stride 16 of a half-size image with normalized illumination."""
        raise NotImplementedError

    def forward(self, rgb: Tensor) -> AuxiliaryFeatures:
        normalized = normalize_illumination(rgb)
        maps = self.full_maps(normalized)
        coarse = self.coarse_map(average_pixels(normalized, COARSE_SCALE))
        return AuxiliaryFeatures(maps[0], maps[1], coarse, map_statistics(*maps))


class AuxiliaryBackbone(AuxiliaryNetwork):
    """Default auxiliary backbone: EfficientNet-Lite2."""

    trainable_channels = TRAINABLE_CHANNELS

    def __init__(self) -> None:
        """Raise WeightsError (a ValueError) if the package's file is missing or damaged."""
        super().__init__()
        network, self.weights = load_packaged(PACKAGED_NETWORKS["efficientnet_lite2"], "packaged")
        self.network = EfficientNetLiteMaps(network, TAP_BLOCKS)
        self.eval()

    def trainable_blocks(self) -> nn.Sequential:
        """Return a trainable copy of the blocks behind the stride-16 map.

        It maps ``[N, 120, H/16, W/16]`` to ``[N, 208, H/32, W/32]``."""
        first = TAP_BLOCKS[1] + 1
        return nn.Sequential(*(FoldedBlock(block) for block in self.network.blocks[first : first + TRAINABLE_BLOCKS]))

    def full_maps(self, normalized: Tensor) -> list[Tensor]:
        """Return the maps after the tapped blocks."""
        maps: list[Tensor] = self.network(normalized)
        return maps

    def coarse_map(self, halved: Tensor) -> Tensor:
        """Return the map after a middle block at stride 16."""
        [coarse] = self.network.maps_after(halved, (COARSE_BLOCK,))
        return coarse
