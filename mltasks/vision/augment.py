"""What a part may look like in training, and how it looks in evaluation, side by side."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mltasks.vision.torchvision_ops import v2


def train_view(image: Tensor, seed: int) -> Tensor:
    """A random view of a uint8 ``[3, H, W]`` image as float32 in [0, 1]; the same seed gives the same view.

    Flips, rotation to 30° with shift, scale and shear in one resampling (two would blur thin scratches), colour jitter,
    blur. Corners that turn into the picture take the part's mean colour.
    """
    colour = [float(value) for value in image.float().mean(dim=(1, 2))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return eval_view(_train_transform(colour)(image))


def eval_view(image: Tensor) -> Tensor:
    """The image itself: uint8 ``[3, H, W]`` to float32 in [0, 1]."""
    return image.float() / 255


def _train_transform(fill: list[float]) -> Callable[[Tensor], Tensor]:
    pipeline: Callable[[Tensor], Tensor] = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.RandomAffine(
                degrees=30,
                translate=(0.05, 0.05),
                scale=(0.9, 1.1),
                shear=5,
                interpolation=v2.InterpolationMode.BILINEAR,
                fill=fill,
            ),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
            v2.RandomApply([v2.GaussianBlur(kernel_size=5, sigma=(0.1, 1.0))], p=0.3),
        ]
    )
    return pipeline
