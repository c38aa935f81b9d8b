"""Embedder: whole-map statistics projected to an embedding of 256 numbers.

It uses the auxiliary backbone's maps if there is one: ImageNet features separate parts better than those of the drawn
images, and its input is normalized for illumination. Each statistic is standardized by its values on drawn images;
otherwise all parts would be similar. A random projection keeps distances within a few percent (Johnson and
Lindenstrauss, 1984). It is not trained, so all versions on the same network give the same embeddings."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mltasks.vision.networks.calibration_images import MIN_DEVIATION
from mltasks.vision.networks.trunk import EMPTY, FeatureMaps, Trunk
from mltasks.vision.types import EMBEDDING_DIMENSIONS, EMBEDDING_RECIPE

SEED = 0
SPACE_ID_DIGITS = 32


class Embedder(nn.Module):
    """Module from ``FeatureMaps`` to embeddings of length 1, ``[N, 256]``.

    ``mean`` and ``deviation`` ``[d]`` are those of the statistics, ``fine_channels`` the trunk's."""

    def __init__(self, mean: Tensor, deviation: Tensor, fine_channels: int) -> None:
        super().__init__()
        self.fine_channels = fine_channels
        weights = random_projection(len(mean)) / deviation.clamp_min(MIN_DEVIATION).unsqueeze(1)
        self.register_buffer("weights", weights.contiguous())
        self.register_buffer("bias", -(mean @ weights))
        self.weights: Tensor
        self.bias: Tensor

    def forward(self, features: FeatureMaps) -> Tensor:
        return F.normalize(embedding_statistics(features, self.fine_channels) @ self.weights + self.bias, dim=1)


def build_embedder(trunk: Trunk) -> Embedder:
    """Build a trunk's embedder without torch random numbers; the same trunk gives the same one."""
    rows = embedding_statistics(trunk.calibration_features, trunk.fine_channels)
    return Embedder(rows.mean(0), rows.std(0), trunk.fine_channels)


def embedding_statistics(features: FeatureMaps, fine_channels: int) -> Tensor:
    """Return mean, deviation and maximum per channel of the two deepest maps, ``[N, d]``.

    The maps are the auxiliary backbone's if there is one, else the backbone's; the finest has ``fine_channels``. The
    padding of the input mirrors the part, so it changes them little."""
    if features.aux_statistics is EMPTY:
        return features.statistics[:, 3 * fine_channels :]
    return features.aux_statistics[:, 3 * fine_channels :]


def random_projection(size: int) -> Tensor:
    """Return a random orthonormal projection ``[size, 256]``, always the same."""
    drawn = np.random.default_rng(SEED).standard_normal((size, EMBEDDING_DIMENSIONS))
    directions, triangle = np.linalg.qr(drawn)
    # Positive diagonals make the result independent of the library's signs.
    return torch.from_numpy(directions * np.sign(np.diag(triangle))).float()


def embedding_space(trunk: Trunk, height: int, width: int, *, keep_shape: bool) -> str:
    """Return the name of the trunk's embedding space, 32 hexadecimal digits.

    It follows from the weights of the embedding network, the input size and the recipe."""
    digest = hashlib.sha256(f"recipe {EMBEDDING_RECIPE}, {height} x {width}, keep_shape {keep_shape}".encode())
    for name, tensor in sorted(_embedding_network(trunk).state_dict().items()):
        # Batch counters differ between files with the same weights and are not used.
        if tensor.is_floating_point():
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:SPACE_ID_DIGITS]


def _embedding_network(trunk: Trunk) -> nn.Module:
    if trunk.companion is not None:
        return trunk.companion
    return nn.ModuleDict({"early": trunk.early, "layer3": trunk.layer3, "layer4": trunk.layer4})
