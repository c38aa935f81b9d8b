"""Reference networks of the benches: ResNet18 with pooled head, and with the pixel autoencoder in one graph."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from mltasks.vision.export.openvino_export import MAX_PIXEL_VALUE, ServingModel, export_graph
from mltasks.vision.heads.pixel_autoencoder import PixelAutoencoder, pool_factor
from mltasks.vision.networks.resampling import average_pixels
from mltasks.vision.networks.trunk import IMAGENET_DEVIATION, IMAGENET_MEAN, LAYER4_CHANNELS


class PooledNetwork(nn.Module):
    """Network from RGB float32 ``[N, 3, H, W]`` in [0, 1] to logits ``[N]``.

    The backbone's own head must be an identity.
    """

    def __init__(self, backbone: nn.Module, linear: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.linear = linear
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(IMAGENET_DEVIATION).view(1, 3, 1, 1))
        self.mean: Tensor
        self.deviation: Tensor

    def logits(self, rgb: Tensor) -> Tensor:
        """Return a logit for each image, ``[N]``."""
        logits: Tensor = self.linear(self.backbone((rgb - self.mean) / self.deviation)).squeeze(1)
        return logits


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
        error, cells = self.autoencoder.errors(average_pixels(rgb, self.factor))
        return logit, error, cells, cells, error, error, error


def export_reference(network: nn.Module, size: tuple[int, int], path: Path) -> ReferenceModel:
    """Export the graph of ``network`` for ``size`` (height, width) by the product's own export.

    The head of ``network`` must be an identity.
    """
    peer = ReferenceModel(network, size).eval()
    # The export uses only the module's outputs.
    export_graph(cast(ServingModel, peer), path, *size)
    return peer
