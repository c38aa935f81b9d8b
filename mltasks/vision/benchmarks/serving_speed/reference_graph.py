"""What the scoring graph is timed against: ResNet18 as it is published, and the pixel autoencoder, in one graph."""

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
    """The recipe with nothing added: uint8 RGB ``[1, H, W, 3]`` to the logit of global average pooling and one linear
    layer ``[1]`` and the reconstruction's error ``[1]`` and map. In place of what it does not have it names these
    again, which costs nothing, so that it is exported as ours is."""

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
    """Write the graph of ``network`` (its head an identity) for images of ``size``, height and width, by the product's
    own export."""
    peer = ReferenceModel(network, size).eval()
    # All that the export asks of a module are its outputs.
    export_graph(cast(ServingModel, peer), path, *size)
    return peer
