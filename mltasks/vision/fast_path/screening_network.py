"""Screening network: how unusual the maps of EfficientNet-Lite0's first blocks are at each position, and a linear head.

The usual map of parts that the full graph passes is a mean and a deviation for each channel and position. This is PaDiM
(Defard et al., ICPR Workshops 2021) with a diagonal covariance. On drawn parts, a head on such features passes four
times as many parts within the same bound as a head on pooled maps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
import openvino
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mltasks.vision.export.graph_operations import count_gflop
from mltasks.vision.networks.efficientnet_lite import EfficientNetLiteMaps
from mltasks.vision.networks.feature_networks.packaged_networks import PACKAGED_NETWORKS, load_packaged
from mltasks.vision.networks.gradient_descent import Frozen
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.tracing import trace_to_openvino

NETWORK = "efficientnet_lite0"
# The screening network has at most this share of the full graph's operations.
MAX_OPERATIONS = 0.1
MAX_PIXEL_VALUE = 255.0
# Numbers of the most unusual positions whose mean is a feature
HIGHEST = (1, 5, 20)
# Share of a map's deviation over all positions that is added to the deviation at each: few parts show too little of it.
DEVIATION_SHARE = 0.05


class TooManyOperations(ValueError):  # noqa: N818 - names what was found
    """The full graph is so small that no screening network has a tenth of its operations."""


class Depth(NamedTuple):
    """Divisor of the input's sides, and the blocks whose maps are compared with the usual ones."""

    shrinking: int
    taps: tuple[int, ...]


# Blocks 4 and 10 are the last ones at strides 8 and 16. Most operations first.
DEPTHS = (Depth(2, (4, 10)), Depth(2, (4, 7)), Depth(2, (4,)), Depth(4, (4, 10)), Depth(4, (4,)))


class ScreeningMaps(Frozen):
    """Frozen network from uint8 RGB ``[N, H, W, 3]`` to a map ``[N, C, h, w]`` of each tapped block.

    H and W are multiples of 32.
    """

    def __init__(self, depth: Depth) -> None:
        super().__init__()
        self.depth = depth
        network, self.weights = load_packaged(PACKAGED_NETWORKS[NETWORK], "auto")
        self.network = EfficientNetLiteMaps(network, depth.taps)
        self.network.fold_batch_norms()
        del self.network.blocks[max(depth.taps) + 1 :]
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        rgb = images.permute(0, 3, 1, 2).to(torch.float32) / MAX_PIXEL_VALUE
        return tuple(self.network(average_pixels(rgb, self.depth.shrinking)))


class UsualMap(nn.Module):
    """Usual values of one map, and the features that say how unusual another map is.

    Features of a map ``[N, C, h, w]`` are ``[N, C + 4]``: the largest distance of each channel in deviations, and the
    logarithm of the positions' distances: the means of the ``HIGHEST`` ones and of all.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 1, 1))
        self.register_buffer("deviation", torch.ones(1, 1, 1))

    def fit(self, total: NDArray[np.float64], squares: NDArray[np.float64], count: int) -> None:
        """Take the values of ``count`` maps ``[C, h, w]`` from their sum and the sum of their squares."""
        mean = total / count
        variance = np.maximum(squares / count - mean**2, 0)
        overall = np.sqrt(squares.mean() / count - mean.mean() ** 2)
        self.mean = torch.tensor(mean, dtype=torch.float32)
        self.deviation = torch.tensor(np.sqrt(variance) + DEVIATION_SHARE * overall, dtype=torch.float32)

    def forward(self, features: Tensor) -> Tensor:
        distances = (features - self.mean) / self.deviation
        cells = (distances.square().mean(1).flatten(1) + 1e-6).sqrt()
        highest = cells.topk(min(max(HIGHEST), cells.shape[1])).values
        means = [highest[:, :number].mean(1) for number in HIGHEST] + [cells.mean(1)]
        return torch.cat([distances.abs().amax((2, 3)), torch.stack(means, 1).log()], 1)


class ScreeningFeatures(Frozen):
    """Features ``[N, F]`` of images uint8 RGB ``[N, H, W, 3]``: how unusual each tapped map is."""

    def __init__(self, depth: Depth) -> None:
        super().__init__()
        self.maps = ScreeningMaps(depth)
        self.usual = nn.ModuleList(UsualMap() for _ in depth.taps)

    def fit(self, maps: Iterable[Sequence[NDArray[np.float32]]]) -> None:
        """Take the usual maps from those of good images; each image has one map ``[C, h, w]`` a tap."""
        count, sums = 0, list[tuple[NDArray[np.float64], NDArray[np.float64]]]()
        for image in maps:
            wide = [features.astype(np.float64) for features in image]
            sums = sums or [(np.zeros_like(features), np.zeros_like(features)) for features in wide]
            for (total, squares), features in zip(sums, wide, strict=True):
                total += features
                squares += features**2
            count += 1
        for usual, (total, squares) in zip(self.usual, sums, strict=True):
            cast(UsualMap, usual).fit(total, squares, count)

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([usual(features) for usual, features in zip(self.usual, self.maps(images), strict=True)], 1)


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
        unusual: Tensor = self.features(images)
        return (unusual * self.weights).sum(1) + self.bias


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
