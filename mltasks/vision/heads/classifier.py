"""Good or defective: heads on the frozen ResNet18, and which of them looks where.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. ``DenseHead`` weighs the evidence of each position
and lets the strongest decide, so that one small scratch is not averaged away; ``PooledHead`` is the recipe that the
project grew from, kept to compare with: the last stage learns, and the average over all positions decides.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import AUX_STRIDE16_CHANNELS, TRAINABLE_CHANNELS, AuxiliaryBackbone
from mltasks.vision.networks.trunk import LAYER3_CHANNELS, LAYER4_CHANNELS, FeatureMaps, top_mean

HIDDEN_CHANNELS, AUX_HIDDEN_CHANNELS = 64, 96
TOP_SHARE = 0.006


class Head(nn.Module):
    """Maps what the trunk saw to a logit ``[N]`` (above 0 leans to defect) and the logit of each cell ``[N, h, w]``."""

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class Standardize(nn.Module):
    """Channels with the mean and deviation they were given taken out; they never drift with a batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, channels, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, convolution: nn.Conv2d, maps: Tensor) -> Tensor:
        """``convolution``, a 1 × 1 convolution, of the standardised maps: the standard goes into its weights and
        bias, so
        that the maps, a hundred times as large, are neither copied nor kept for the gradient."""
        weight = convolution.weight / self.deviation
        bias = -(weight * self.mean).sum((1, 2, 3))
        return F.conv2d(maps, weight, bias if convolution.bias is None else bias + convolution.bias)


class TopKHead(Head):
    """A head that learns from maps: the top 0.6 % of the positions make the image's logit (top-k pooling of multiple
    instance learning; Li and Vasconcelos, "Multiple Instance Learning for Soft Bags via Top Instances", CVPR 2015)."""

    def standardizers(self) -> dict[str, Standardize]:
        """What standardises each of the maps that it looks at, by the map's name in ``FeatureMaps``."""
        raise NotImplementedError

    def cell_logits(self, features: FeatureMaps) -> Tensor:
        """The logit of each cell, ``[N, h, w]``."""
        raise NotImplementedError

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        cells = self.cell_logits(features)
        return top_mean(cells, TOP_SHARE), cells


class DenseHead(TopKHead):
    """A small network at each position of layer3 and layer4."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.middle_norm = Standardize(LAYER3_CHANNELS)
        self.deep_norm = Standardize(LAYER4_CHANNELS)
        self.middle = nn.Conv2d(LAYER3_CHANNELS, HIDDEN_CHANNELS, 1)
        self.deep = nn.Conv2d(LAYER4_CHANNELS, HIDDEN_CHANNELS, 1, bias=False)
        self.dropout = nn.Dropout2d(dropout)
        self.cells = nn.Conv2d(HIDDEN_CHANNELS, 1, 1)

    def standardizers(self) -> dict[str, Standardize]:
        return {"layer3": self.middle_norm, "layer4": self.deep_norm}

    def cell_logits(self, features: FeatureMaps) -> Tensor:
        deep = F.interpolate(self.deep_norm.forward(self.deep, features.layer4), scale_factor=2.0, mode="bilinear")
        mixed = F.relu(self.middle_norm.forward(self.middle, features.layer3) + deep)
        cells: Tensor = self.cells(self.dropout(mixed)).squeeze(1)
        return cells


class AuxiliaryDenseHead(TopKHead):
    """A small network at each position of the companion's map."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.second_norm = Standardize(AUX_STRIDE16_CHANNELS)
        self.second = nn.Conv2d(AUX_STRIDE16_CHANNELS, AUX_HIDDEN_CHANNELS, 1)
        self.dropout = nn.Dropout2d(dropout)
        self.cells = nn.Conv2d(AUX_HIDDEN_CHANNELS, 1, 1)

    def standardizers(self) -> dict[str, Standardize]:
        return {"aux_maps": self.second_norm}

    def cell_logits(self, features: FeatureMaps) -> Tensor:
        mixed = F.relu(self.second_norm.forward(self.second, features.aux_maps))
        cells: Tensor = self.cells(self.dropout(mixed)).squeeze(1)
        return cells


class PooledHead(Head):
    """layer4 that learns, global average, dropout and one linear layer (class activation mapping gives the cells)."""

    def __init__(self, layer4: nn.Module, dropout: float) -> None:
        super().__init__()
        self.layer4 = copy.deepcopy(layer4).requires_grad_(True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(LAYER4_CHANNELS, 1)

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        maps = self.layer4(features.layer3)
        logits: Tensor = self.linear(self.dropout(maps.mean(dim=(2, 3)))).squeeze(1)
        cells: Tensor = (maps * self.linear.weight.view(1, -1, 1, 1)).sum(dim=1) + self.linear.bias
        return logits, cells


class FineTunedHead(Head):
    """The companion's blocks behind its map, which go on learning on the product's labels. Mean and maximum of every
    channel over all positions decide: a surface has its say, and so has a scratch. A cell's logit is what it would give
    alone."""

    def __init__(self, auxiliary: AuxiliaryBackbone, dropout: float) -> None:
        super().__init__()
        self.blocks = auxiliary.trainable_blocks()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * TRAINABLE_CHANNELS, 1)
        # Nearly nothing: what the blocks have learned elsewhere is not to be shaken by chance weights.
        nn.init.normal_(self.linear.weight, std=0.01)

    def logits_and_maps(self, aux_maps: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[N]`` from the companion's maps ``[N, 120, h, w]``, and the maps ``[N, 208, h/2, w/2]`` behind."""
        maps: Tensor = self.blocks(aux_maps)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        return self.linear(self.dropout(pooled)).squeeze(1), maps

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        logits, maps = self.logits_and_maps(features.aux_maps)
        weight = self.linear.weight.view(2, TRAINABLE_CHANNELS).sum(0)
        cells: Tensor = (maps * weight.view(1, -1, 1, 1)).sum(1) + self.linear.bias
        return logits, cells


class StatisticsHead(Head):
    """One linear layer over the statistics of whole maps, ``statistics`` or ``second_statistics`` of what was seen:
    knows what has no place, like an uneven surface. Its cells all say the same."""

    def __init__(self, mean: Tensor, deviation: Tensor, weight: Tensor, bias: Tensor, *, source: str) -> None:
        super().__init__()
        self.source = source
        for name, value in (("mean", mean), ("deviation", deviation), ("weight", weight), ("bias", bias)):
            self.register_buffer(name, value.clone())
        self.mean: Tensor
        self.deviation: Tensor
        self.weight: Tensor
        self.bias: Tensor

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        logits = ((getattr(features, self.source) - self.mean) / self.deviation) @ self.weight + self.bias
        cells = logits.view(-1, 1, 1) + torch.zeros_like(features.layer3[:, 0])
        return logits, cells
