"""The student: ResNet18 whose layer2, layer3 and layer4 are projected onto the teacher's maps, and their loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.backbones import load_backbone
from mltasks.vision.pretrain.teacher import CHANNELS, Teacher

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_STUDENT_CHANNELS = (128, 256, 512)


def normalised(images: Tensor) -> Tensor:
    """Scale (N, 3, H, W) in [0, 1] by ImageNet's mean and deviation, as torchvision's networks expect."""
    return (images - torch.tensor(_MEAN).view(1, 3, 1, 1)) / torch.tensor(_DEVIATION).view(1, 3, 1, 1)


class Student(nn.Module):
    """A ResNet18 from random weights with a 1×1 projection per stage; the projections are thrown away in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.network, _ = load_backbone("resnet18", "random")
        self.network.train()
        pairs = zip(_STUDENT_CHANNELS, CHANNELS, strict=True)
        self.projections = nn.ModuleList(nn.Conv2d(own, teachers, 1) for own, teachers in pairs)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) in [0, 1] to three maps shaped like the teacher's."""
        net = dict(self.network.named_children())
        x = normalised(images)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1"):
            x = net[name](x)
        maps = []
        for name, project in zip(("layer2", "layer3", "layer4"), self.projections, strict=True):
            x = net[name](x)
            maps.append(project(x))
        return maps


class Standard(nn.Module):
    """Standardizes the teacher's maps per channel, by means and deviations measured once."""

    def __init__(self, teacher: Teacher, batches: list[Tensor]) -> None:
        super().__init__()
        self.statistics = _measure(teacher, batches)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps with mean 0 and deviation 1 per channel, float32."""
        return [(x.float() - mean) / deviation for x, (mean, deviation) in zip(maps, self.statistics, strict=True)]


def _measure(teacher: Teacher, batches: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    with torch.no_grad():
        seen = [teacher(images) for images in batches]
    columns = [torch.cat([maps[stage] for maps in seen]).transpose(0, 1).flatten(1) for stage in range(len(CHANNELS))]
    return [(x.mean(1).view(1, -1, 1, 1), x.std(1).clamp_min(1e-4).view(1, -1, 1, 1)) for x in columns]


def matching_loss(own: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Return the sum over the stages of the mean smooth L1 distance."""
    losses = [F.smooth_l1_loss(x.float(), target) for x, target in zip(own, targets, strict=True)]
    return torch.stack(losses).sum()
