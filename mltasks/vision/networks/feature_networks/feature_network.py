"""Frozen network of feature maps at strides 8, 16 and 32, whatever its architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mltasks.vision.networks.gradient_descent import Frozen

Channels = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class InputNorm:
    """Mean and deviation of each channel by which the input in [0, 1] is standardized."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


IMAGENET_NORM = InputNorm((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class FeatureNetwork(Frozen):
    """Frozen network from RGB float32 ``[N, 3, H, W]`` in [0, 1] to three maps.

    H and W are multiples of 32. The maps are ``[N, channels[i], H / stride, W / stride]`` at the strides 8, 16 and 32,
    each the output of the last block of its stride."""

    def __init__(self, name: str, stages: Sequence[nn.Module], channels: Channels, norm: InputNorm) -> None:
        super().__init__()
        self.name, self.channels = name, channels
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(norm.mean).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(norm.deviation).view(1, 3, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor
        self.requires_grad_(False)
        self.eval()

    def forward(self, rgb: Tensor) -> list[Tensor]:
        return self._maps(rgb, len(self.stages))

    def middle_map(self, rgb: Tensor) -> Tensor:
        """Return the map at stride 16; later stages are not computed."""
        return self._maps(rgb, 2)[-1]

    def _maps(self, rgb: Tensor, count: int) -> list[Tensor]:
        x = (rgb - self.mean) / self.deviation
        maps = []
        for stage in self.stages[:count]:
            x = stage(x)
            maps.append(x)
        return maps
