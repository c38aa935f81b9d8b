"""Segmentation head: a map of defective cells and a logit of the whole part, learned together.

After SuperSimpleNet (Rolih, Fučka and Skočaj, ICPR 2024, and Journal of Intelligent Manufacturing, 2025): one small
network on frozen maps learns from good parts, synthetic defects, labels of whole parts, and masks and marks where there
are any. Here the synthetic defects are drawn on pictures of good parts instead of noise on their features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.heads.classifier import Head, Standardize
from mltasks.vision.networks.trunk import FeatureMaps

WIDTH, HIDDEN_CHANNELS, BLOCKS = 128, 64, 2
# Few cells are defective, so their logits start low.
FIRST_CELL_LOGIT = -2.0
# Cells of the finer grid per cell of the middle grid, along each side
FINE_CELLS = 2


class SegmentationHead(Head):
    """Network from the maps at strides 8 and 16: logit ``[N]``, and cell logits ``[N, 2h, 2w]``.

    ``middle`` names the map at stride 16, a field of ``FeatureMaps``."""

    def __init__(self, fine_channels: int, middle_channels: int, dropout: float, *, middle: str) -> None:
        super().__init__()
        self.middle_field = middle
        self.fine_norm, self.middle_norm = Standardize(fine_channels), Standardize(middle_channels)
        self.fine = nn.Conv2d(fine_channels, WIDTH, FINE_CELLS, stride=FINE_CELLS, bias=False)
        self.middle = nn.Conv2d(middle_channels, WIDTH, 1, bias=False)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.blocks = nn.Sequential(*(ResidualBlock(WIDTH) for _ in range(BLOCKS)))
        self.cells = nn.Sequential(
            nn.Conv2d(WIDTH, HIDDEN_CHANNELS, 1, bias=False), nn.BatchNorm2d(HIDDEN_CHANNELS), nn.ReLU(),
            nn.Dropout2d(dropout), nn.Conv2d(HIDDEN_CHANNELS, FINE_CELLS**2, 1), nn.PixelShuffle(FINE_CELLS),
        )  # fmt: skip
        self.part = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * WIDTH + 2, 1)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)
        nn.init.constant_(self.cells.get_parameter("4.bias"), FIRST_CELL_LOGIT)

    @property
    def fields(self) -> tuple[str, str]:
        """Return the fields of ``FeatureMaps`` that the head reads."""
        return "fine", self.middle_field

    def standardizers(self) -> dict[str, Standardize]:
        """Return the standardization of each map that the head reads, by field of ``FeatureMaps``."""
        return {"fine": self.fine_norm, self.middle_field: self.middle_norm}

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        middle = self.middle_norm.forward(self.middle, getattr(features, self.middle_field))
        mixed = self.blocks(F.relu(self.norm(middle + self.fine_norm.forward(self.fine, features.fine))))
        cells, part = self.cells(mixed), self.part(mixed)
        pooled = [part.mean((2, 3)), part.amax((2, 3)), cells.mean((2, 3)), cells.amax((2, 3))]
        logits: Tensor = self.linear(self.dropout(torch.cat(pooled, 1))).squeeze(1)
        return logits, cells.squeeze(1)


class ResidualBlock(nn.Module):
    """Depthwise 3 × 3 and 1 × 1 convolution beside a shortcut; it starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm = nn.BatchNorm2d(channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)
        for parameter in self.pointwise.parameters():
            nn.init.zeros_(parameter)

    def forward(self, maps: Tensor) -> Tensor:
        change: Tensor = self.pointwise(F.relu(self.norm(self.depthwise(maps))))
        return maps + change
