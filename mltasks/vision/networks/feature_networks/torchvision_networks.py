"""torchvision's networks as stages that end at strides 8, 16 and 32.

All take the weights IMAGENET1K_V1. Those of the later recipe (V2) classify better, but compare similar images worse
(docs/backbone.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from mltasks.vision.networks.backbones import BACKBONES, Backbone
from mltasks.vision.networks.feature_networks.feature_network import Channels
from mltasks.vision.networks.hub_cache import HubFile
from mltasks.vision.networks.torchvision_ops import models

Stages = tuple[nn.Module, nn.Module, nn.Module]
HUB_ADDRESS = "https://download.pytorch.org/models/"


@dataclass(frozen=True, slots=True)
class TorchvisionNetwork:
    """Weights of a network, channels of its three maps, and the split of the network into stages."""

    backbone: Backbone
    channels: Channels
    split: Callable[[nn.Module], Stages]


def split_resnet(network: nn.Module) -> Stages:
    """Return the stages of a ResNet."""
    names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2")
    early = nn.Sequential(*(network.get_submodule(name) for name in names))
    return early, network.get_submodule("layer3"), network.get_submodule("layer4")


def _split_features(*ends: int) -> Callable[[nn.Module], Stages]:
    """Return the split of a network whose ``features`` are one sequence: ``ends`` are the numbers of blocks."""
    first, second, third = ends

    def split(network: nn.Module) -> Stages:
        blocks = list(network.get_submodule("features").children())
        early, middle, late = blocks[:first], blocks[first:second], blocks[second:third]
        return nn.Sequential(*early), nn.Sequential(*middle), nn.Sequential(*late)

    return split


def _backbone(build: Callable[..., nn.Module], file: str, head: str) -> Backbone:
    """Return the entry of a network; its file's name ends in the first digits of the file's sha256."""

    def build_headless() -> nn.Module:
        network = build(weights=None)
        setattr(network, head, nn.Identity())
        return network

    prefix = file.removesuffix(".pth").rsplit("-", 1)[-1]
    return Backbone(build=build_headless, head=f"{head}.", hub_file=HubFile(HUB_ADDRESS + file, prefix))


TORCHVISION_NETWORKS: dict[str, TorchvisionNetwork] = {
    "resnet18": TorchvisionNetwork(BACKBONES["resnet18"], (128, 256, 512), split_resnet),
    "resnet50": TorchvisionNetwork(
        _backbone(models.resnet50, "resnet50-0676ba61.pth", "fc"), (512, 1024, 2048), split_resnet
    ),
    "wide_resnet50_2": TorchvisionNetwork(
        _backbone(models.wide_resnet50_2, "wide_resnet50_2-95faca4d.pth", "fc"), (512, 1024, 2048), split_resnet
    ),
    "mobilenet_v3_large": TorchvisionNetwork(
        _backbone(models.mobilenet_v3_large, "mobilenet_v3_large-8738ca79.pth", "classifier"),
        (40, 112, 160),
        _split_features(7, 13, 16),
    ),
    "efficientnet_b0": TorchvisionNetwork(
        _backbone(models.efficientnet_b0, "efficientnet_b0_rwightman-7f5810bc.pth", "classifier"),
        (40, 112, 320),
        _split_features(4, 6, 8),
    ),
    "convnext_tiny": TorchvisionNetwork(
        _backbone(models.convnext_tiny, "convnext_tiny-983f1562.pth", "classifier"),
        (192, 384, 768),
        _split_features(4, 6, 8),
    ),
}
