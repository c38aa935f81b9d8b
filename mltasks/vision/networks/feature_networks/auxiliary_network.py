"""Auxiliary backbones by name: the default one, and any other feature network in its place."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from mltasks.vision.networks.auxiliary_backbone import (
    CHANNELS,
    EFFICIENTNET_LITE2,
    AuxiliaryBackbone,
    AuxiliaryNetwork,
)
from mltasks.vision.networks.backbones import WeightsSource
from mltasks.vision.networks.compute import full_precision_on_cpu
from mltasks.vision.networks.feature_networks.feature_network import Channels, FeatureNetwork
from mltasks.vision.networks.feature_networks.network_registry import (
    FEATURE_NETWORKS,
    build_feature_network,
    network_channels,
)
from mltasks.vision.networks.gradient_descent import Frozen

# Two names of one network: the older one stands in the config of earlier versions.
DEFAULT_NAMES = (EFFICIENTNET_LITE2, "efficientnet_lite2")
AUX_BACKBONES = ("", EFFICIENTNET_LITE2, *FEATURE_NETWORKS)


class AuxiliaryFeatureNetwork(AuxiliaryNetwork):
    """Feature network as auxiliary backbone; its stages give the maps and the trainable blocks."""

    def __init__(self, network: FeatureNetwork, weights: WeightsSource) -> None:
        super().__init__()
        self.network, self.weights = network, weights
        self.trainable_channels = network.channels[-1]
        self.eval()

    def trainable_blocks(self) -> nn.Module:
        """Return a trainable copy of the last stage."""
        return FrozenNorms(copy.deepcopy(self.network.stages[-1]))

    def full_maps(self, normalized: Tensor) -> list[Tensor]:
        """Return the maps after the stages."""
        maps: list[Tensor] = self.network(normalized)
        return maps

    def coarse_map(self, halved: Tensor) -> Tensor:
        """Return the map after the second stage."""
        return self.network.middle_map(halved)


class FrozenNorms(Frozen):
    """Trainable blocks in eval mode.

    With few labels, batch norms that follow each batch bring no gain."""

    def __init__(self, blocks: nn.Module) -> None:
        super().__init__()
        self.blocks = blocks.requires_grad_(True)
        self.eval()

    def forward(self, maps: Tensor) -> Tensor:
        with full_precision_on_cpu(maps.device):
            changed: Tensor = self.blocks(maps)
        return changed


def build_auxiliary(name: str) -> AuxiliaryNetwork:
    """Return the auxiliary backbone of this name.

    Raises ValueError for an unknown name, and WeightsError (a ValueError) for weights that cannot be had or do not
    match their hash."""
    return AuxiliaryBackbone() if name in DEFAULT_NAMES else AuxiliaryFeatureNetwork(*build_feature_network(name))


def auxiliary_channels(name: str) -> Channels:
    """Return the channels of the auxiliary backbone of this name. Raises KeyError for an unknown name."""
    return CHANNELS if name in DEFAULT_NAMES else network_channels(name)
