"""Classifier heads on the frozen backbone and the auxiliary backbone.

ResNet: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. ``PooledHead`` is the project's first
recipe, kept for comparison: layer4 is trained, and the average over all positions decides."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import AuxiliaryNetwork
from mltasks.vision.networks.trunk import LAYER4_CHANNELS, FeatureMaps


class Head(nn.Module):
    """Head from feature maps to a logit ``[N]`` (> 0: defect) and cell logits ``[N, h, w]``."""

    def register_buffers(self, **tensors: Tensor) -> None:
        """Register copies of the tensors as buffers, which are saved with the weights."""
        for name, value in tensors.items():
            self.register_buffer(name, value.clone())

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class Standardize(nn.Module):
    """Standardization of channels with a fixed mean and deviation, independent of the batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("deviation", torch.ones(1, channels, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor

    def forward(self, convolution: nn.Conv2d, maps: Tensor) -> Tensor:
        """Return the ``convolution``, without padding, of the standardized maps.

        The standardization is folded into the convolution's weights and bias. The maps, a hundred times as large, are
        then neither copied nor kept for the gradient."""
        weight = convolution.weight / self.deviation
        bias = -(weight * self.mean).sum((1, 2, 3))
        if convolution.bias is not None:
            bias = bias + convolution.bias
        return F.conv2d(maps, weight, bias, convolution.stride)


class PooledHead(Head):
    """Trainable layer4, global average, dropout and one linear layer.

    The cell logits are its class activation map."""

    def __init__(self, layer4: nn.Module, dropout: float, channels: int = LAYER4_CHANNELS) -> None:
        super().__init__()
        self.layer4 = copy.deepcopy(layer4).requires_grad_(True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, 1)

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        maps = self.layer4(features.layer3)
        logits: Tensor = self.linear(self.dropout(maps.mean(dim=(2, 3)))).squeeze(1)
        cells: Tensor = (maps * self.linear.weight.view(1, -1, 1, 1)).sum(dim=1) + self.linear.bias
        return logits, cells


class FineTunedHead(Head):
    """Auxiliary backbone's blocks behind its map, fine-tuned on the product's labels.

    Mean and maximum of every channel over all positions decide: the mean responds to surfaces, the maximum to
    scratches. A cell's logit is the image's logit if all cells were like it."""

    def __init__(self, auxiliary: AuxiliaryNetwork, dropout: float) -> None:
        super().__init__()
        self.blocks = auxiliary.trainable_blocks()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * auxiliary.trainable_channels, 1)
        # Near zero: large random weights would disturb the pretrained blocks.
        nn.init.normal_(self.linear.weight, std=0.01)

    def logits_and_maps(self, aux_maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits ``[N]`` for maps ``[N, 120, h, w]``, and maps ``[N, 208, h/2, w/2]`` (EfficientNet-Lite2)."""
        maps: Tensor = self.blocks(aux_maps)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], 1)
        return self.linear(self.dropout(pooled)).squeeze(1), maps

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        logits, maps = self.logits_and_maps(features.aux_maps)
        weight = self.linear.weight.view(2, -1).sum(0)
        cells: Tensor = (maps * weight.view(1, -1, 1, 1)).sum(1) + self.linear.bias
        return logits, cells


class StatisticsHead(Head):
    """Linear layer over whole-map statistics: ``statistics`` or ``aux_statistics``.

    It detects defects without a position, such as an uneven surface. Its only cell is the whole part."""

    mean: Tensor
    deviation: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, weight: Tensor, bias: Tensor, *, source: str) -> None:
        super().__init__()
        self.source = source
        self.register_buffers(mean=mean, deviation=deviation, weight=weight, bias=bias)

    def forward(self, features: FeatureMaps) -> tuple[Tensor, Tensor]:
        logits = ((getattr(features, self.source) - self.mean) / self.deviation) @ self.weight + self.bias
        return logits, logits.view(-1, 1, 1)
