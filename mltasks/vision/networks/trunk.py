"""Frozen trunk: feature maps at three depths, computed once for all heads and detectors."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import AuxiliaryFeatures, AuxiliaryNetwork, map_statistics
from mltasks.vision.networks.calibration_images import calibration_images
from mltasks.vision.networks.feature_networks.feature_network import IMAGENET_NORM, FeatureNetwork
from mltasks.vision.networks.feature_networks.torchvision_networks import split_resnet
from mltasks.vision.networks.gradient_descent import Frozen
from mltasks.vision.networks.resampling import average_pixels

IMAGENET_MEAN, IMAGENET_DEVIATION = IMAGENET_NORM.mean, IMAGENET_NORM.deviation
STRIDE = 32
LAYER2_CHANNELS, LAYER3_CHANNELS, LAYER4_CHANNELS = RESNET18_CHANNELS = 128, 256, 512
# Mean, deviation and maximum of every channel of the three maps
STATISTICS_SIZE = 3 * sum(RESNET18_CHANNELS)
EMPTY = torch.empty(0)
SMOOTHING_KERNEL = (1.0, 2.0, 1.0)


class FeatureMaps(NamedTuple):
    """Feature maps of N images; h and w are a 16th of the input of the backbone or the auxiliary backbone.

    The channels are those of ResNet18 and EfficientNet-Lite2; other networks have others.

    Backbone, at ``Trunk.scale`` of the image's size:

    - ``layer2`` ``[N, 128, h, w]``, averaged to layer3's grid
    - ``layer3`` ``[N, 256, h, w]`` and ``layer4`` ``[N, 512, h/2, w/2]``
    - ``statistics`` ``[N, 2688]`` of the whole maps

    Auxiliary backbone, at full size (without one, the ``aux_*`` fields are empty and ``fine`` is the backbone's map):

    - ``fine`` ``[N, 48, 2h, 2w]`` and ``aux_maps`` ``[N, 120, h, w]``
    - ``aux_coarse`` ``[N, 120, h/2, w/2]`` of the half-size image
    - ``aux_statistics`` ``[N, 1560]`` of the whole maps
    """

    layer2: Tensor
    layer3: Tensor
    layer4: Tensor
    statistics: Tensor
    fine: Tensor = EMPTY
    aux_maps: Tensor = EMPTY
    aux_coarse: Tensor = EMPTY
    aux_statistics: Tensor = EMPTY


class Trunk(Frozen):
    """Frozen backbone at a ``scale`` of the image's size, with an optional auxiliary backbone at full size.

    It maps RGB float32 ``[N, 3, H, W]`` in [0, 1] to ``FeatureMaps``; ``scale`` is 1 or 0.5. ``network`` is a feature
    network or torchvision's ResNet18. ``fine_channels`` is the number of channels of ``fine``."""

    def __init__(
        self, network: FeatureNetwork | nn.Module, auxiliary: AuxiliaryNetwork | None = None, scale: float = 1.0
    ) -> None:
        super().__init__()
        if not isinstance(network, FeatureNetwork):
            network = FeatureNetwork("resnet18", split_resnet(network), RESNET18_CHANNELS, IMAGENET_NORM)
        self.early, self.layer3, last = network.stages
        self.layer4 = copy.deepcopy(last)
        self.companion = auxiliary
        self.shrinking = round(1 / scale)
        self.register_buffer("mean", network.mean)
        self.register_buffer("deviation", network.deviation)
        self.mean: Tensor
        self.deviation: Tensor
        self.requires_grad_(False)
        self.eval()
        with torch.no_grad():
            drawn = self(calibration_images())
        self.fine_channels: int = drawn.fine.shape[1]
        self._calibration_statistics = drawn.statistics, drawn.aux_statistics

    def forward(self, rgb: Tensor) -> FeatureMaps:
        own = average_pixels(rgb, self.shrinking)
        fine = self.early((own - self.mean) / self.deviation)
        middle = self.layer3(fine)
        deep = self.layer4(middle)
        maps = FeatureMaps(F.avg_pool2d(fine, 2), middle, deep, map_statistics(fine, middle, deep), fine)
        if self.companion is None:
            return maps
        seen: AuxiliaryFeatures = self.companion(rgb)
        return maps._replace(fine=seen.fine, aux_maps=seen.maps, aux_coarse=seen.coarse, aux_statistics=seen.statistics)

    @property
    def calibration_features(self) -> FeatureMaps:
        """Return the statistics of ``calibration_images``, on the CPU; all maps are empty."""
        statistics, aux_statistics = self._calibration_statistics
        # A copied trunk has a copy of EMPTY, which is not EMPTY itself.
        aux_statistics = aux_statistics if self.companion else EMPTY
        return FeatureMaps(EMPTY, EMPTY, EMPTY, statistics, aux_statistics=aux_statistics)


def box_smooth(maps: Tensor) -> Tensor:
    """Return maps averaged over 3 × 3 positions: PatchCore's locally aware features (Roth et al., CVPR 2022)."""
    return F.avg_pool2d(maps, 3, 1, 1)


def backbone_patches(features: FeatureMaps) -> Tensor:
    """Return the backbone's smoothed layer2 and layer3 maps, ``[N, 384, h, w]`` for ResNet18."""
    return torch.cat([box_smooth(features.layer2), box_smooth(features.layer3)], 1)


def hat_smooth(maps: Tensor) -> Tensor:
    """Return maps ``[N, channels, h, w]`` averaged over 3 × 3 positions with a hat, which blurs less than a box."""
    hat = torch.tensor(SMOOTHING_KERNEL, device=maps.device, dtype=maps.dtype)
    kernel = (hat[:, None] * hat / hat.sum() ** 2).expand(maps.shape[1], 1, -1, -1)
    return F.conv2d(F.pad(maps, (1, 1, 1, 1), mode="replicate"), kernel, groups=maps.shape[1])


def top_mean(cells: Tensor, share: float) -> Tensor:
    """Return the mean of the highest ``share`` of each image's cells ``[N, h, w]``, as ``[N]``.

    At least one cell is used."""
    flat = cells.flatten(1)
    # During tracing a shape is a tensor; int makes it a constant.
    mean: Tensor = flat.topk(max(1, round(share * int(flat.shape[1]))), dim=1).values.mean(1)
    return mean
