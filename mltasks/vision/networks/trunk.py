"""Frozen trunk: feature maps at three depths, computed once for all heads and detectors."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import AuxiliaryBackbone, map_statistics
from mltasks.vision.networks.compact_features import calibration_images, fit_compact_features
from mltasks.vision.networks.gradient_descent import Frozen

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
STRIDE = 32
LAYER2_CHANNELS, LAYER3_CHANNELS, LAYER4_CHANNELS = 128, 256, 512
# Mean, deviation and maximum of every channel of the three maps
STATISTICS_SIZE = 3 * (LAYER2_CHANNELS + LAYER3_CHANNELS + LAYER4_CHANNELS)
EMPTY = torch.empty(0)


class FeatureMaps(NamedTuple):
    """Feature maps of N images; h and w are a 16th of the input.

    - ``layer2`` ``[N, 128, h, w]``, averaged to layer3's grid
    - ``layer3`` ``[N, 256, h, w]`` and ``layer4`` ``[N, 512, h/2, w/2]``
    - ``statistics`` ``[N, 2688]`` of the whole maps
    - ``compact`` ``[N, 48, 2h, 2w]``: compact features of all networks' maps at stride 8
    - ``aux_maps`` ``[N, 120, h, w]`` and ``aux_statistics`` ``[N, 1560]`` of the auxiliary backbone; empty without one
    """

    layer2: Tensor
    layer3: Tensor
    layer4: Tensor
    statistics: Tensor
    compact: Tensor = EMPTY
    aux_maps: Tensor = EMPTY
    aux_statistics: Tensor = EMPTY


class Trunk(Frozen):
    """Frozen backbone, with an optional auxiliary backbone.

    It maps RGB float32 ``[N, 3, H, W]`` in [0, 1] to ``FeatureMaps``."""

    def __init__(self, network: nn.Module, auxiliary: AuxiliaryBackbone | None = None) -> None:
        super().__init__()
        names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2")
        self.early = nn.Sequential(*(network.get_submodule(name) for name in names))
        self.layer3 = network.get_submodule("layer3")
        self.layer4 = copy.deepcopy(network.get_submodule("layer4"))
        self.companion = auxiliary
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor
        self.requires_grad_(False)
        self.eval()
        with torch.no_grad():
            drawn, fine = self._extract(calibration_images())
        self.detail = fit_compact_features(fine)
        self._calibration_statistics = drawn.statistics, drawn.aux_statistics

    def forward(self, rgb: Tensor) -> FeatureMaps:
        maps, fine = self._extract(rgb)
        return maps._replace(compact=self.detail(fine))

    @property
    def calibration_features(self) -> FeatureMaps:
        """Return the statistics of ``calibration_images``, on the CPU; all maps are empty."""
        statistics, aux_statistics = self._calibration_statistics
        # A copied trunk has a copy of EMPTY, which is not EMPTY itself.
        aux_statistics = aux_statistics if self.companion else EMPTY
        return FeatureMaps(EMPTY, EMPTY, EMPTY, statistics, aux_statistics=aux_statistics)

    def _extract(self, rgb: Tensor) -> tuple[FeatureMaps, Tensor]:
        """Return all features but the compact ones, and the concatenated maps at stride 8."""
        fine = self.early((rgb - self.mean) / self.deviation)
        middle = self.layer3(fine)
        deep = self.layer4(middle)
        maps = FeatureMaps(F.avg_pool2d(fine, 2), middle, deep, map_statistics(fine, middle, deep))
        if self.companion is None:
            return maps, fine
        aux_fine, aux_maps, aux_statistics = self.companion(rgb)
        maps = maps._replace(aux_maps=aux_maps, aux_statistics=aux_statistics)
        return maps, torch.cat([fine, aux_fine], 1)


def trunk_patches(features: FeatureMaps) -> Tensor:
    """Return layer2 and layer3 maps, each averaged over 3 × 3 positions, ``[N, 384, h, w]``.

    PatchCore's locally aware patch features; Roth et al., CVPR 2022."""
    return torch.cat([F.avg_pool2d(maps, 3, 1, 1) for maps in (features.layer2, features.layer3)], 1)


def aux_patches(features: FeatureMaps) -> Tensor:
    """Return the auxiliary backbone's maps averaged over 3 × 3 positions, ``[N, 120, h, w]``."""
    return F.avg_pool2d(features.aux_maps, 3, 1, 1)


def top_mean(cells: Tensor, share: float) -> Tensor:
    """Return the mean of the highest ``share`` of each image's cells ``[N, h, w]``, as ``[N]``.

    At least one cell is used."""
    flat = cells.flatten(1)
    # During tracing a shape is a tensor; int makes it a constant.
    mean: Tensor = flat.topk(max(1, round(share * int(flat.shape[1]))), dim=1).values.mean(1)
    return mean
