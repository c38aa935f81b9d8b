"""Good or defective: ResNet18 whose early layers are frozen and whose last stage learns.

He et al., "Deep Residual Learning for Image Recognition", CVPR 2016. The early layers keep what they learned elsewhere:
a plant has tens of labels, not thousands. They stay in eval mode, or their batch norm would drift with each batch.
"""

from __future__ import annotations

import copy
from typing import Self

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
STRIDE = 32


class Trunk(nn.Module):
    """conv1 to layer3, frozen: RGB float32 ``[N, 3, H, W]`` in [0, 1] to maps ``[N, 256, H/16, W/16]``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
        self.layers = nn.Sequential(*(network.get_submodule(name) for name in names))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode whatever is asked: frozen batch norm must not drift."""
        del mode
        return super().train(False)

    def forward(self, rgb: Tensor) -> Tensor:
        maps: Tensor = self.layers((rgb - self.mean) / self.deviation)
        return maps


class DefectHead(nn.Module):
    """layer4, dropout and one linear layer: maps ``[N, 256, h, w]`` to a logit; above 0 leans to defect."""

    def __init__(self, layer4: nn.Module, dropout: float) -> None:
        super().__init__()
        self.layer4 = copy.deepcopy(layer4).requires_grad_(True)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(512, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Logits ``[N]``."""
        pooled = self.layer4(maps).mean(dim=(2, 3))
        logits: Tensor = self.linear(self.dropout(pooled)).squeeze(1)
        return logits

    def evidence(self, maps: Tensor) -> Tensor:
        """The logit of each cell ``[N, h, w]``; their mean is the image's logit (class activation mapping)."""
        features = self.layer4(maps)
        weight = self.linear.weight.view(1, -1, 1, 1)
        cells: Tensor = (features * weight).sum(dim=1) + self.linear.bias
        return cells


class Classifier(nn.Module):
    """The whole network: RGB ``[N, 3, H, W]`` in [0, 1] to logits ``[N]`` and evidence ``[N, H/32, W/32]``."""

    def __init__(self, trunk: Trunk, head: DefectHead) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        evidence = self.head.evidence(self.trunk(rgb))
        return evidence.mean(dim=(1, 2)), evidence
