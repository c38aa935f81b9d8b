"""Reference of the scoring time: published ResNet18 and the pixel autoencoder in one graph."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from mltasks.vision.benchmarks.pooled_network import PooledNetwork
from mltasks.vision.export.openvino_export import MAX_PIXEL_VALUE, ServingModel, export_graph
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder, average_pool, pool_factor
from mltasks.vision.networks.trunk import LAYER4_CHANNELS


class ReferenceModel(PooledNetwork):
    """Reference network: ResNet18, average pooling, linear layer, and pixel autoencoder.

    Maps uint8 RGB ``[1, H, W, 3]`` to logit ``[1]``, reconstruction error ``[1]`` and map. Outputs that the reference
    lacks repeat these tensors at no cost, so that the product's export accepts it.
    """

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        super().__init__(network, nn.Linear(LAYER4_CHANNELS, 1))
        self.autoencoder = PixelAutoencoder()
        self.factor = pool_factor(*size)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        rgb = image.permute(0, 3, 1, 2).to(torch.float32) / MAX_PIXEL_VALUE
        logit = self.logits(rgb)
        error, cells = self.autoencoder.errors(average_pool(rgb, self.factor))
        return logit, error, cells, cells, error, error, error


def export_reference(network: nn.Module, size: tuple[int, int], path: Path) -> ReferenceModel:
    """Export the graph of ``network`` for ``size`` (height, width) by the product's own export.

    The head of ``network`` must be an identity.
    """
    peer = ReferenceModel(network, size).eval()
    # The export uses only the module's outputs.
    export_graph(cast(ServingModel, peer), path, *size)
    return peer
