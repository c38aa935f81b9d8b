"""Unlike any good part in one place, on two scales at once: broad patches and fine detail must both find it strange.

A memory of fine detail finds the smallest blowhole and says where it is, but takes dust for something too; one of broad
patches knows a surface and hardly says where. The geometric mean of their cells outranks each of them, their sum, and
what more memories add (measured in docs/quality.md).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from mltasks.vision.classifier import Head
from mltasks.vision.features import Seen, top_mean
from mltasks.vision.patch_memory import TOP_SHARE, PatchMemory


class Places(Head):
    """Two memories, ``broad`` and of ``detail``: score ``[N]`` and cells ``[N, h, w]`` on the grid of the detail."""

    def __init__(self, broad: PatchMemory, detail: PatchMemory) -> None:
        super().__init__()
        self.broad = broad
        self.detail = detail

    def forward(self, seen: Seen) -> tuple[Tensor, Tensor]:
        fine = self.detail(seen)[1]
        # While tracing, a shape is a tensor until it is made a number.
        size = (int(fine.shape[1]), int(fine.shape[2]))
        broad = F.interpolate(self.broad(seen)[1].unsqueeze(1), size, mode="bilinear").squeeze(1)
        cells = (broad * fine).sqrt()
        return top_mean(cells, TOP_SHARE), cells
