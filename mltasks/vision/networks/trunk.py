"""What the frozen network sees of an image at three depths: computed once, used by every head and every detector."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import Companion, statistics_of
from mltasks.vision.networks.compact_features import condense, drawn_pictures
from mltasks.vision.networks.gradient_descent import Frozen

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
STRIDE = 32
FINE, MIDDLE, DEEP = 128, 256, 512
# Mean, deviation and maximum of every channel of the three maps
STATISTICS = 3 * (FINE + MIDDLE + DEEP)
NOTHING = torch.empty(0)


class Seen(NamedTuple):
    """``fine`` ``[N, 128, h, w]`` (layer2, averaged to layer3's grid), ``middle`` ``[N, 256, h, w]`` (layer3), ``deep``
    ``[N, 512, h/2, w/2]`` (layer4) and ``statistics`` ``[N, 2688]`` of whole maps; h and w are a 16th of the input.
    ``detail`` ``[N, 48, 2h, 2w]`` is what all networks see at an eighth of the input, condensed. ``second``
    ``[N, 120, h, w]`` and ``second_statistics`` ``[N, 1560]`` are the companion's; empty without one."""

    fine: Tensor
    middle: Tensor
    deep: Tensor
    statistics: Tensor
    detail: Tensor = NOTHING
    second: Tensor = NOTHING
    second_statistics: Tensor = NOTHING


class Trunk(Frozen):
    """The whole backbone, frozen, and a companion where there is one: RGB float32 ``[N, 3, H, W]`` in [0, 1] to
    ``Seen``."""

    def __init__(self, network: nn.Module, companion: Companion | None = None) -> None:
        super().__init__()
        names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2")
        self.early = nn.Sequential(*(network.get_submodule(name) for name in names))
        self.layer3 = network.get_submodule("layer3")
        self.layer4 = copy.deepcopy(network.get_submodule("layer4"))
        self.companion = companion
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor
        self.requires_grad_(False)
        self.eval()
        with torch.no_grad():
            drawn, fine = self._look(drawn_pictures())
        self.detail = condense(fine)
        self._drawn = drawn.statistics, drawn.second_statistics

    def forward(self, rgb: Tensor) -> Seen:
        seen, fine = self._look(rgb)
        return seen._replace(detail=self.detail(fine))

    @property
    def drawn(self) -> Seen:
        """What it sees in ``drawn_pictures``, on the processor: their statistics and nothing else."""
        statistics, second = self._drawn
        return Seen(NOTHING, NOTHING, NOTHING, statistics, second_statistics=second if self.companion else NOTHING)

    def _look(self, rgb: Tensor) -> tuple[Seen, Tensor]:
        """All but the detail, and what that is made of: all maps at an eighth of the input, one behind the other."""
        fine = self.early((rgb - self.mean) / self.deviation)
        middle = self.layer3(fine)
        deep = self.layer4(middle)
        seen = Seen(F.avg_pool2d(fine, 2), middle, deep, statistics_of(fine, middle, deep))
        if self.companion is None:
            return seen, fine
        second_fine, second, second_statistics = self.companion(rgb)
        seen = seen._replace(second=second, second_statistics=second_statistics)
        return seen, torch.cat([fine, second_fine], 1)


def patches(seen: Seen) -> Tensor:
    """What novelty detectors compare: fine and middle maps, each averaged over 3 × 3 positions, ``[N, 384, h, w]``
    (PatchCore's locally aware patch features; Roth et al., CVPR 2022)."""
    return torch.cat([F.avg_pool2d(one, 3, 1, 1) for one in (seen.fine, seen.middle)], 1)


def second_patches(seen: Seen) -> Tensor:
    """The same of the companion's map: ``[N, 120, h, w]``."""
    return F.avg_pool2d(seen.second, 3, 1, 1)


def top_mean(cells: Tensor, share: float) -> Tensor:
    """The mean of the highest ``share`` of the cells ``[N, h, w]`` of each image, at least one: ``[N]``."""
    flat = cells.flatten(1)
    # While tracing, a shape is a tensor until it is made a number.
    mean: Tensor = flat.topk(max(1, round(share * int(flat.shape[1]))), dim=1).values.mean(1)
    return mean
