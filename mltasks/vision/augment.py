"""What a part may look like in training, and how it looks in evaluation, side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mltasks.vision.torchvision_ops import v2

# The mirrored margin on each side: this share of the side, and of the other one, whose far end turns in furthest
MARGIN, TURNED_IN = 1 / 4, 1 / 7


def train_view(image: Tensor, seed: int) -> Tensor:
    """A random view of a uint8 ``[3, H, W]`` image as float32 in [0, 1]; the same seed gives the same view.

    Flips, rotation to 8° with shift, scale and shear in one resampling (two would blur thin scratches), colour jitter,
    blur. What turns into the picture is its own mirror image: a filled corner would be an edge to find.
    """
    height, width = image.shape[1:]
    rows, columns = _mirrored(height, width), _mirrored(width, height)
    mirrored = image[:, rows][:, :, columns]
    top, left = (len(rows) - height) // 2, (len(columns) - width) // 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        turned = _train_transform()(mirrored)
    return eval_view(turned[:, top : top + height, left : left + width])


def mirrored(batch: Tensor, generator: np.random.Generator) -> Tensor:
    """A batch of images or maps ``[N, C, H, W]`` left to right, upside down, both or neither, by chance."""
    return batch.flip([axis for axis in (2, 3) if generator.integers(2)])


def eval_view(image: Tensor) -> Tensor:
    """The image itself: uint8 ``[3, H, W]`` to float32 in [0, 1]."""
    return image.float() / 255


def _mirrored(side: int, other: int) -> Tensor:
    """Indices along a side with a margin that runs back and forth, however narrow the part is."""
    margin = int(max(side * MARGIN, other * TURNED_IN))
    period = max(1, 2 * (side - 1))
    at = torch.arange(-margin, side + margin) % period
    return torch.minimum(at, period - at)


def _train_transform() -> Callable[[Tensor], Tensor]:
    pipeline: Callable[[Tensor], Tensor] = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.RandomAffine(
                degrees=8,
                translate=(0.03, 0.03),
                scale=(0.9, 1.1),
                shear=5,
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
            v2.RandomApply([v2.GaussianBlur(kernel_size=5, sigma=(0.1, 1.0))], p=0.3),
        ]
    )
    return pipeline
