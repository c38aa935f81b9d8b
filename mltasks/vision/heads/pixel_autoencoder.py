"""Unlike any good part: a small convolutional autoencoder of pixels, trained on good parts only.

What it has not learned to draw it draws badly (Hinton and Salakhutdinov, Science 2006; for inspection: Bergmann et al.,
VISAPP 2019). It sees the image at about 112 pixels a side: finer texture is noise to it. Pixels move to channels and
back (Shi et al., CVPR 2016), so that no convolution runs at full size: a training step takes 2 ms an image on one core.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

TARGET_SIDE = 112
ERROR_CELL_PIXELS = 4
POOL_FACTORS = (4, 2, 1)
CODE_CHANNELS = 16


def pool_factor(height: int, width: int) -> int:
    """How many pixels a side make one of the autoencoder's: 1, 2 or 4, so that the shorter side is about 112."""
    return next((factor for factor in POOL_FACTORS if min(height, width) // factor >= TARGET_SIDE * 3 // 4), 1)


class PixelAutoencoder(nn.Module):
    """RGB ``[N, 3, h, w]`` in [0, 1] (h and w multiples of 8) through a code of 16 numbers per 8 × 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), *_layer(12, 32, 2), *_layer(32, 64, 2), nn.Conv2d(64, CODE_CHANNELS, 1)
        )
        self.decoder = nn.Sequential(
            *_layer(CODE_CHANNELS, 64, 1),
            nn.Upsample(scale_factor=2, mode="nearest"),
            *_layer(64, 32, 1),
            nn.Conv2d(32, 48, 3, padding=1),
            nn.PixelShuffle(4),
        )

    def forward(self, rgb: Tensor) -> Tensor:
        """The reconstruction, in [0, 1] like the input."""
        logits: Tensor = self.decoder(self.encoder(rgb))
        return logits.sigmoid()

    def errors(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error per image ``[N]`` and per cell of 4 × 4 pixels ``[N, h/4, w/4]``."""
        squared = (self(rgb) - rgb).square().mean(dim=1)
        return squared.mean(dim=(1, 2)), F.avg_pool2d(squared.unsqueeze(1), ERROR_CELL_PIXELS).squeeze(1)


def average_pool(rgb: Tensor, factor: int) -> Tensor:
    """Average ``factor`` × ``factor`` pixels into one."""
    return F.avg_pool2d(rgb, factor) if factor > 1 else rgb


def _layer(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
