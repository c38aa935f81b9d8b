"""The part of the network that says where a part lies among others: statistics of its maps, in 256 numbers.

The companion's maps, where there is one: what it has seen of the world tells parts apart better than the drawn pictures
behind the ResNet18 do, and even light keeps the lamps out of it. Each statistic is taken as its deviation from what
drawn pictures have, or everything would look like everything. A random projection keeps the distances that are left
within a few percent (Johnson and Lindenstrauss, 1984) and learns nothing, so that every version on the same network
draws the same points.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.auxiliary_backbone import AUX_STRIDE8_CHANNELS
from mltasks.vision.networks.trunk import EMPTY, LAYER2_CHANNELS, FeatureMaps, Trunk
from mltasks.vision.types import EMBEDDING_DIMENSIONS, EMBEDDING_RECIPE

SEED = 0
MIN_DEVIATION = 1e-4
SPACE_ID_DIGITS = 32


class Embedder(nn.Module):
    """``FeatureMaps`` to points of length 1, ``[N, 256]``. ``mean`` and ``deviation`` are ``[d]``, of the same
    statistics."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        weights = random_projection(len(mean)) / deviation.clamp_min(MIN_DEVIATION).unsqueeze(1)
        self.register_buffer("weights", weights.contiguous())
        self.register_buffer("bias", -(mean @ weights))
        self.weights: Tensor
        self.bias: Tensor

    def forward(self, features: FeatureMaps) -> Tensor:
        return F.normalize(embedding_statistics(features) @ self.weights + self.bias, dim=1)


def build_embedder(trunk: Trunk) -> Embedder:
    """What goes with a trunk. It draws no random number of torch's; the same trunk gives the same points."""
    rows = embedding_statistics(trunk.calibration_features)
    return Embedder(rows.mean(0), rows.std(0))


def embedding_statistics(features: FeatureMaps) -> Tensor:
    """Mean, deviation and maximum of every channel of the two deeper maps of the network that draws, ``[N, d]``. The
    margin that fills the input up is the part's own mirror image, and so changes them little."""
    if features.aux_statistics is EMPTY:
        return features.statistics[:, 3 * LAYER2_CHANNELS :]
    return features.aux_statistics[:, 3 * AUX_STRIDE8_CHANNELS :]


def random_projection(size: int) -> Tensor:
    """A random orthonormal projection ``[size, 256]``, always the same."""
    drawn = np.random.default_rng(SEED).standard_normal((size, EMBEDDING_DIMENSIONS))
    directions, triangle = np.linalg.qr(drawn)
    # Unique by positive diagonals, whichever signs the library likes.
    return torch.from_numpy(directions * np.sign(np.diag(triangle))).float()


def embedding_space(trunk: Trunk, height: int, width: int, *, keep_shape: bool) -> str:
    """The name of the space in which versions on this trunk draw, 32 hexadecimal digits: it follows from the weights of
    the network that draws, the size at which it looks, and the recipe."""
    words = hashlib.sha256(f"recipe {EMBEDDING_RECIPE}, {height} x {width}, keep_shape {keep_shape}".encode())
    for name, tensor in sorted(_embedding_network(trunk).state_dict().items()):
        # Counters of seen batches differ between files with the same weights, and nothing reads them.
        if tensor.is_floating_point():
            words.update(name.encode())
            words.update(tensor.cpu().contiguous().numpy().tobytes())
    return words.hexdigest()[:SPACE_ID_DIGITS]


def _embedding_network(trunk: Trunk) -> nn.Module:
    if trunk.companion is not None:
        return trunk.companion
    return nn.ModuleDict({"early": trunk.early, "layer3": trunk.layer3, "layer4": trunk.layer4})
