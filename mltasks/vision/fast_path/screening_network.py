"""Screening network: the first blocks of EfficientNet-Lite0 at reduced size, and a linear head on pooled maps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import openvino
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.export.graph_operations import count_gflop
from mltasks.vision.networks.auxiliary_backbone import map_statistics
from mltasks.vision.networks.efficientnet_lite import EfficientNetLiteMaps
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.networks.gradient_descent import Frozen
from mltasks.vision.networks.tracing import trace_to_openvino

NETWORK = "efficientnet_lite0"
# The screening network has at most this share of the full graph's operations.
MAX_OPERATIONS = 0.1
MAX_PIXEL_VALUE = 255.0


class TooManyOperations(ValueError):  # noqa: N818 - names what was found
    """The full graph is so small that no screening network has a tenth of its operations."""


class Depth(NamedTuple):
    """Divisor of the input's sides, and the last blocks whose maps are pooled."""

    shrinking: int
    taps: tuple[int, ...]


# Blocks 4 and 10 are the last ones at strides 8 and 16. Most operations first.
DEPTHS = (Depth(2, (4, 10)), Depth(2, (4, 7)), Depth(2, (4,)), Depth(4, (4, 10)), Depth(4, (4,)))


class ScreeningFeatures(Frozen):
    """Frozen network from uint8 RGB ``[N, H, W, 3]`` to pooled features ``[N, F]``.

    H and W are multiples of 32. Features are the mean, the deviation and the maximum of each channel.
    """

    def __init__(self, depth: Depth) -> None:
        super().__init__()
        self.depth = depth
        network, self.weights = load_packaged(PACKAGED_NETWORKS[NETWORK], "auto")
        self.maps = EfficientNetLiteMaps(network, depth.taps)
        self.maps.fold_batch_norms()
        del self.maps.blocks[max(depth.taps) + 1 :]
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        rgb = images.permute(0, 3, 1, 2).to(torch.float32) / MAX_PIXEL_VALUE
        return map_statistics(*self.maps(F.avg_pool2d(rgb, self.depth.shrinking)))


class ScreeningNetwork(nn.Module):
    """Complete screening network from uint8 RGB ``[1, H, W, 3]`` to one logit ``[1]``.

    The higher the logit, the less likely the full graph passes the image. ``weights`` ``[F]`` and ``bias`` are those
    of the logistic regression on the features.
    """

    def __init__(self, features: ScreeningFeatures, weights: Tensor, bias: float) -> None:
        super().__init__()
        self.features, self.bias = features, bias
        self.register_buffer("weights", weights)
        self.weights: Tensor

    def forward(self, images: Tensor) -> Tensor:
        pooled: Tensor = self.features(images)
        return (pooled * self.weights).sum(1) + self.bias


def choose_features(size: tuple[int, int], full_gflop: float) -> ScreeningFeatures:
    """Return the deepest features that take at most a tenth of the full graph's operations.

    ``size`` is the version's input size (height, width). Raises TooManyOperations if none do.
    """
    for features, gflop in _candidates(size):
        if gflop <= MAX_OPERATIONS * full_gflop:
            return features
    raise TooManyOperations(
        f"The version's graph has {full_gflop:.3f} GFLOP: no screening network has at most a tenth of them."
    )


def trace(network: nn.Module, size: tuple[int, int]) -> openvino.Model:
    """Return the OpenVINO graph of a network for one image uint8 ``[1, H, W, 3]``."""
    return trace_to_openvino(network, torch.zeros((1, *size, 3), dtype=torch.uint8))


def _candidates(size: tuple[int, int]) -> Iterator[tuple[ScreeningFeatures, float]]:
    for depth in DEPTHS:
        features = ScreeningFeatures(depth)
        yield features, count_gflop(trace(features, size))
