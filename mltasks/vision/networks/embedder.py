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

from mltasks.vision.networks.auxiliary_backbone import SECOND_FINE
from mltasks.vision.networks.trunk import FINE, NOTHING, Seen, Trunk
from mltasks.vision.types import DIMENSIONS, RECIPE

SEED = 0
SMALLEST = 1e-4
SPACE_LENGTH = 32


class Embedder(nn.Module):
    """``Seen`` to points of length 1, ``[N, 256]``. ``mean`` and ``deviation`` are ``[d]``, of the same statistics."""

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        weights = projection(len(mean)) / deviation.clamp_min(SMALLEST).unsqueeze(1)
        self.register_buffer("weights", weights.contiguous())
        self.register_buffer("bias", -(mean @ weights))
        self.weights: Tensor
        self.bias: Tensor

    def forward(self, seen: Seen) -> Tensor:
        return F.normalize(statistics(seen) @ self.weights + self.bias, dim=1)


def embedder_of(trunk: Trunk) -> Embedder:
    """What goes with a trunk. It draws no random number of torch's; the same trunk gives the same points."""
    rows = statistics(trunk.drawn)
    return Embedder(rows.mean(0), rows.std(0))


def statistics(seen: Seen) -> Tensor:
    """Mean, deviation and maximum of every channel of the two deeper maps of the network that draws, ``[N, d]``. The
    margin that fills the input up is the part's own mirror image, and so changes them little."""
    if seen.second_statistics is NOTHING:
        return seen.statistics[:, 3 * FINE :]
    return seen.second_statistics[:, 3 * SECOND_FINE :]


def projection(size: int) -> Tensor:
    """A random orthonormal projection ``[size, 256]``, always the same."""
    drawn = np.random.default_rng(SEED).standard_normal((size, DIMENSIONS))
    directions, triangle = np.linalg.qr(drawn)
    # Unique by positive diagonals, whichever signs the library likes.
    return torch.from_numpy(directions * np.sign(np.diag(triangle))).float()


def space_of(trunk: Trunk, height: int, width: int, *, keep_shape: bool) -> str:
    """The name of the space in which versions on this trunk draw, 32 hexadecimal digits: it follows from the weights of
    the network that draws, the size at which it looks, and the recipe."""
    words = hashlib.sha256(f"recipe {RECIPE}, {height} x {width}, keep_shape {keep_shape}".encode())
    for name, tensor in sorted(_drawing(trunk).state_dict().items()):
        # Counters of seen batches differ between files with the same weights, and nothing reads them.
        if tensor.is_floating_point():
            words.update(name.encode())
            words.update(tensor.cpu().contiguous().numpy().tobytes())
    return words.hexdigest()[:SPACE_LENGTH]


def _drawing(trunk: Trunk) -> nn.Module:
    if trunk.companion is not None:
        return trunk.companion
    return nn.ModuleDict({"early": trunk.early, "layer3": trunk.layer3, "layer4": trunk.layer4})
