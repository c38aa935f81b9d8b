"""Student of the distillation, a ResNet18 with projections onto the teacher's maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.backbones import load_backbone
from mltasks.vision.networks.calibration_images import MIN_DEVIATION
from mltasks.vision.networks.trunk import IMAGENET_DEVIATION, IMAGENET_MEAN
from mltasks.vision.pretrain.teacher import Teacher

STAGES = ("layer1", "layer2", "layer3", "layer4")
_WIDTHS = (64, 128, 256, 512)
# The loss matches three stages, at strides 8, 16 and 32, and with ``detail`` the first stage too.
_MATCHED = 3
# Share of the mean squared feature: keeps the solution small where channels are nearly equal.
_RIDGE = 1e-3


def normalize_imagenet(images: Tensor) -> Tensor:
    """Normalize (N, 3, H, W) in [0, 1] by ImageNet's mean and deviation, as in torchvision."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(1, 3, 1, 1)
    deviation = torch.tensor(IMAGENET_DEVIATION, device=images.device).view(1, 3, 1, 1)
    return (images - mean) / deviation


class Student(nn.Module):
    """ResNet18 with a 1×1 projection per matched stage, used only during distillation.

    ``channels`` are those of the teacher's maps: of the last three stages, or of all four. ``init`` is what
    ``load_backbone`` takes.
    """

    def __init__(self, channels: Sequence[int], init: str = "random") -> None:
        super().__init__()
        self.network, _ = load_backbone("resnet18", init)
        self.network.train()
        pairs = zip(_WIDTHS[-len(channels) :], channels, strict=True)
        self.projections = nn.ModuleList(nn.Conv2d(own, teachers, 1) for own, teachers in pairs)

    @property
    def projection_convolutions(self) -> list[nn.Conv2d]:
        """Return the projections in the order of the stages."""
        return [project for project in self.projections if isinstance(project, nn.Conv2d)]

    def matched_maps(self, images: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) in [0, 1] to the network's own maps of the matched stages."""
        maps = stage_maps(self.network, normalize_imagenet(images))
        return maps[-len(self.projections) :]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) in [0, 1] to maps shaped like the teacher's."""
        return [project(x) for x, project in zip(self.matched_maps(images), self.projections, strict=True)]


def stage_maps(network: nn.Module, images: Tensor) -> list[Tensor]:
    """Return the four stages' maps of normalized images (N, 3, H, W).

    Channels are 64, 128, 256 and 512, at strides 4 to 32.
    """
    layers = dict(network.named_children())
    x = images
    for name in ("conv1", "bn1", "relu", "maxpool"):
        x = layers[name](x)
    maps = []
    for name in STAGES:
        x = layers[name](x)
        maps.append(x)
    return maps


class TeacherStandardize(nn.Module):
    """Standardization of the teacher's maps per channel, by means and deviations measured once."""

    def __init__(self, teacher: Teacher, batches: list[Tensor]) -> None:
        super().__init__()
        self.statistics = _measure(teacher, batches)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps with mean 0 and deviation 1 per channel, float32."""
        return [(x.float() - mean) / deviation for x, (mean, deviation) in zip(maps, self.statistics, strict=True)]


def _measure(teacher: Teacher, batches: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    with torch.no_grad():
        stages = zip(*(teacher(images) for images in batches), strict=True)
        columns = [torch.cat(maps).transpose(0, 1).flatten(1) for maps in stages]
    return [(x.mean(1).view(1, -1, 1, 1), x.std(1).clamp_min(MIN_DEVIATION).view(1, -1, 1, 1)) for x in columns]


@torch.no_grad()
def fit_projections(student: Student, teacher: Teacher, standard: TeacherStandardize, batches: list[Tensor]) -> None:
    """Fit the projections from the student's stages to the teacher's by ridge regression.

    Random projections would damage pretrained weights: their first gradients are noise. Fit the head before the body:
    Kumar et al., "Fine-Tuning can Distort Pretrained Features" (ICLR 2022).
    """
    sums = [_NormalEquations(project) for project in student.projection_convolutions]
    for images in batches:
        for equations, own, target in zip(sums, student.matched_maps(images), standard(teacher(images)), strict=True):
            equations.add(own, target)
    for project, equations in zip(student.projection_convolutions, sums, strict=True):
        solution = equations.solve().float()
        project.weight.copy_(solution[:-1].T[:, :, None, None])
        if project.bias is not None:
            project.bias.copy_(solution[-1])


class _NormalEquations:
    """Normal equations of one projection, its bias last, in double precision."""

    def __init__(self, project: nn.Conv2d) -> None:
        own, teachers = project.in_channels + 1, project.out_channels
        self.left = project.weight.new_zeros((own, own), dtype=torch.float64)
        self.right = project.weight.new_zeros((own, teachers), dtype=torch.float64)

    def add(self, own: Tensor, target: Tensor) -> None:
        features = own.permute(0, 2, 3, 1).flatten(0, 2).double()
        features = torch.cat([features, features.new_ones(len(features), 1)], 1)
        self.left += features.T @ features
        self.right += features.T @ target.permute(0, 2, 3, 1).flatten(0, 2).double()

    def solve(self) -> Tensor:
        ridge = _RIDGE * self.left.diagonal().mean()
        steady = self.left + ridge * torch.eye(len(self.left), dtype=self.left.dtype, device=self.left.device)
        solution: Tensor = torch.linalg.solve(steady, self.right)
        return solution


def distillation_loss(own: list[Tensor], targets: list[Tensor], detail: float = 0.0) -> Tensor:
    """Return the sum over strides 8 to 32 of the mean smooth L1 distance.

    A ``detail`` above 0 adds ``detail`` times the mean cosine distance per position of the maps at stride 4, which
    must then come first.
    """
    pairs = list(zip(own, targets, strict=True))
    losses = [F.smooth_l1_loss(x.float(), target) for x, target in pairs[-_MATCHED:]]
    if detail:
        losses.append(detail * (1 - F.cosine_similarity(own[0].float(), targets[0], dim=1)).mean())
    return torch.stack(losses).sum()
