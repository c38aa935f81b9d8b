"""Registry of feature networks by name, and their construction with weights."""

from __future__ import annotations

from mltasks.vision.networks.backbones import WeightsSource, load_network
from mltasks.vision.networks.feature_networks.feature_network import FeatureNetwork, InputNorm
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.networks.feature_networks.torchvision_networks import TORCHVISION_NETWORKS

IMAGENET_NORM = InputNorm((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
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
