"""Random views of an image pool, one batch at a time; all randomness is the generator's."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from mltasks.vision.pretrain.image_pool import ImagePool

CROP = 160
# Zoom of a crop relative to the image's own pixels.
_ZOOM_RANGE = (0.75, 1.6)

# (batch, generator, size) to float32 (batch, 3, size, size) in [0, 1]
ViewSource = Callable[[int, Generator, int], Tensor]


def pool_views(pool: ImagePool) -> ViewSource:
    """Return a source of views of one pool."""
    return lambda batch, generator, size: crop_batch(pool, batch, generator, size)


def mixed_views(plant: ImagePool, drawn_pool: ImagePool, drawn_share: float) -> ViewSource:
    """Return a source of batches from two pools; a rounded ``drawn_share`` of each is drawn."""

    def views(batch: int, generator: Generator, size: int) -> Tensor:
        of_drawn = round(batch * drawn_share)
        counts = ((plant, batch - of_drawn), (drawn_pool, of_drawn))
        return torch.cat([crop_batch(pool, count, generator, size) for pool, count in counts if count])

    return views


def crop_batch(pool: ImagePool, batch: int, generator: Generator, size: int = CROP) -> Tensor:
    """Return float32 (batch, 3, size, size) in [0, 1]: random crops with jittered colors.

    Crops are rotated, flipped and zoomed.
    """
    picks = torch.randint(len(pool), (batch,), generator=generator).numpy()
    pictures = torch.from_numpy(np.stack([pool[index] for index in picks])).permute(0, 3, 1, 2).float() / 255
    grid = F.affine_grid(_placements(batch, pictures.shape[-1], size, generator), [batch, 3, size, size], False)
    views = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return _jitter(views, generator).clamp_(0, 1)


def _uniform(generator: Generator, count: int, low: float, high: float) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _placements(batch: int, side: int, size: int, generator: Generator) -> Tensor:
    """Return (batch, 2, 3) maps from crop to image: zoom, rotation up to 15°, flips and shift."""
    zoom = torch.exp(_uniform(generator, batch, math.log(_ZOOM_RANGE[0]), math.log(_ZOOM_RANGE[1])))
    reach = (size / side / zoom).clamp(max=1.0)
    turn = _uniform(generator, batch, -math.pi / 12, math.pi / 12)
    flips = torch.randint(2, (2, batch), generator=generator) * 2.0 - 1.0
    cosine, sine = torch.cos(turn) * reach, torch.sin(turn) * reach
    shift_x = _uniform(generator, batch, -1, 1) * (1 - reach)
    shift_y = _uniform(generator, batch, -1, 1) * (1 - reach)
    mirrored = torch.stack([cosine * flips[0], -sine, shift_x], 1)
    upended = torch.stack([sine, cosine * flips[1], shift_y], 1)
    return torch.stack([mirrored, upended], 1)


def _jitter(views: Tensor, generator: Generator) -> Tensor:
    batch = len(views)

    def per_view(low: float, high: float) -> Tensor:
        return _uniform(generator, batch, low, high).view(-1, 1, 1, 1)

    grey = views.mean(1, keepdim=True)
    views = grey + (views - grey) * per_view(0.0, 1.5)
    middle = views.mean((1, 2, 3), keepdim=True)
    views = (views - middle) * per_view(0.6, 1.5) + middle * per_view(0.6, 1.4)
    views = views * (1 + 0.08 * torch.randn(batch, 3, 1, 1, generator=generator))
    views = torch.where(per_view(0, 1) < 0.08, 1 - views, views)
    noise = torch.randn(views.shape, generator=generator)
    return views + noise * per_view(0, 0.03)
