"""Reference network of the benches: backbone, global average pooling and a linear head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mltasks.vision.networks.trunk import IMAGENET_DEVIATION, IMAGENET_MEAN


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
