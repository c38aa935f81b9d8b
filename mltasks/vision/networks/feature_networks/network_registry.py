"""Registry of feature networks by name, and their construction with weights."""

from __future__ import annotations

from mltasks.vision.networks.backbones import WeightsSource, load_network
from mltasks.vision.networks.feature_networks.feature_network import IMAGENET_NORM, Channels, FeatureNetwork, InputNorm
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.networks.feature_networks.torchvision_networks import TORCHVISION_NETWORKS

# (byte - 127) / 128, as in the training of EfficientNet-Lite
LITE_NORM = InputNorm((127 / 255,) * 3, (128 / 255,) * 3)
FEATURE_NETWORKS = tuple(sorted([*TORCHVISION_NETWORKS, *PACKAGED_NETWORKS]))


def build_feature_network(name: str, weights: str = "auto") -> tuple[FeatureNetwork, WeightsSource]:
    """Return a frozen feature network, and the source of its weights.

    ``weights`` is ``auto``, ``random`` (torch's global generator), the path of a state dict of the whole network
    (``.safetensors`` or ``.pth``, perhaps with ``#sha256=…``), or a source that the network has: ``packaged`` for
    EfficientNet-Lite, ``imagenet`` for torchvision's networks, ``shipped`` for ``resnet18``. ``auto`` takes packaged
    weights, or the hub's file from the cache or by download. Only ``resnet18`` falls back to shipped weights.

    Raises ValueError for an unknown name, FileNotFoundError for a missing file, and WeightsError (a ValueError) for
    weights that cannot be had, do not fit or do not match their hash."""
    if name in PACKAGED_NETWORKS:
        packaged = PACKAGED_NETWORKS[name]
        network, source = load_packaged(packaged, weights)
        return FeatureNetwork(name, packaged.split(network), packaged.channels, LITE_NORM), source
    if name not in TORCHVISION_NETWORKS:
        raise ValueError(f"Unknown network {name!r}. Known: {', '.join(FEATURE_NETWORKS)}.")
    entry = TORCHVISION_NETWORKS[name]
    network, source = load_network(entry.backbone, weights)
    return FeatureNetwork(name, entry.split(network), entry.channels, IMAGENET_NORM), source


def network_channels(name: str) -> Channels:
    """Return the channels of a network's maps at strides 8, 16 and 32. Raises KeyError for an unknown name."""
    return (PACKAGED_NETWORKS if name in PACKAGED_NETWORKS else TORCHVISION_NETWORKS)[name].channels


def weights_at_hand(name: str) -> bool:
    """Return True if a network's pretrained weights are on this machine: in a package, the torch hub cache or shipped.

    Raises KeyError for an unknown name."""
    if name in PACKAGED_NETWORKS:
        return PACKAGED_NETWORKS[name].weights_path.is_file()
    backbone = TORCHVISION_NETWORKS[name].backbone
    return bool(backbone.shipped_file) or backbone.hub_file.path.is_file()
