"""Unlike any good part: a small convolutional autoencoder of pixels, trained on good parts only.

What it has not learned to draw it draws badly (Hinton and Salakhutdinov, Science 2006; for inspection: Bergmann et al.,
VISAPP 2019). It sees the image at about 112 pixels: fine texture is noise to it, and a quarter of the work.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 112
MAP_CELL = 4
POOLS = (4, 2, 1)


def pool_factor(height: int, width: int) -> int:
    """How many pixels a side make one of the autoencoder's: 1, 2 or 4, so that the shorter side is about 112."""
    return next((factor for factor in POOLS if min(height, width) // factor >= SIDE * 3 // 4), 1)


class Autoencoder(nn.Module):
    """RGB ``[N, 3, h, w]`` in [0, 1] (h and w multiples of 8) through a code of 16 numbers per 8 × 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*_down(3, 16), *_down(16, 32), *_down(32, 64), nn.Conv2d(64, 16, 1))
        self.decoder = nn.Sequential(
            nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(), *_up(64, 32), *_up(32, 16), *_up(16, 16)
        )
        self.output = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, rgb: Tensor) -> Tensor:
        """The reconstruction, in [0, 1] like the input."""
        logits: Tensor = self.output(self.decoder(self.encoder(rgb)))
        return logits.sigmoid()

    def errors(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error per image ``[N]`` and per cell of 4 × 4 pixels ``[N, h/4, w/4]``."""
        squared = (self(rgb) - rgb).square().mean(dim=1)
        return squared.mean(dim=(1, 2)), F.avg_pool2d(squared.unsqueeze(1), MAP_CELL).squeeze(1)


def shrink(rgb: Tensor, factor: int) -> Tensor:
    """Average ``factor`` × ``factor`` pixels into one."""
    return F.avg_pool2d(rgb, factor) if factor > 1 else rgb


def _down(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()


def _up(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    # Enlarge, then convolve: transposed convolutions leave a checkerboard (Odena et al., Distill 2016).
    enlarge = nn.Upsample(scale_factor=2, mode="nearest")
    return enlarge, nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
