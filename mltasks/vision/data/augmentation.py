"""What a part may look like in training, and how it looks in evaluation, side by side."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

# Degrees, shares of the side, of the size, degrees
MAX_ROTATION_DEG, MAX_SHIFT, MAX_SCALE_CHANGE, MAX_SHEAR_DEG = 8.0, 0.03, 0.1, 5.0
# Brightness, contrast and saturation by this share, hue by so many turns of the circle of colours
COLOR_JITTER, HUE_JITTER = 0.2, 0.02
BLUR_PROBABILITY, MAX_BLUR_SIGMA, BLUR_KERNEL_SIZE = 0.3, 1.0, 5
# Rec. 601: what each channel adds to brightness
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def train_view(image: Tensor, seed: int) -> Tensor:
    """A random view of a uint8 ``[3, H, W]`` image as float32 in [0, 1]; the same seed gives the same view.

    Flips, rotation to 8° with shift, scale and shear in one resampling (two would blur thin scratches), colour jitter,
    blur. What turns into the picture is its own mirror image: a filled corner would be an edge to find. All colour
    changes are one matrix, so that a view costs a tenth of what the network takes to look at it.
    """
    draws = np.random.default_rng(seed)
    plain = eval_view(image)
    height, width = plain.shape[1:]
    grid = F.affine_grid(_affine_matrix(draws, height, width)[None], [1, 3, height, width], align_corners=True)
    moved = F.grid_sample(plain[None], grid, mode="bilinear", padding_mode="reflection", align_corners=True)[0]
    mixed = _jitter_color(moved, draws)
    return _gaussian_blur(mixed, draws.uniform(0.1, MAX_BLUR_SIGMA)) if draws.random() < BLUR_PROBABILITY else mixed


def random_flip(batch: Tensor, generator: np.random.Generator) -> Tensor:
    """A batch of images or maps ``[N, C, H, W]`` left to right, upside down, both or neither, by chance."""
    return batch.flip([axis for axis in (2, 3) if generator.integers(2)])


def eval_view(image: Tensor) -> Tensor:
    """The image itself: uint8 ``[3, H, W]`` to float32 in [0, 1]."""
    return image.float() / 255


def _affine_matrix(draws: np.random.Generator, height: int, width: int) -> Tensor:
    """Where each pixel of a view comes from, ``[2, 3]``, in coordinates from -1 to 1 along both sides."""
    turn, shear = (math.radians(draws.uniform(-most, most)) for most in (MAX_ROTATION_DEG, MAX_SHEAR_DEG))
    scale = draws.uniform(1 - MAX_SCALE_CHANGE, 1 + MAX_SCALE_CHANGE)
    flips = draws.choice((-1.0, 1.0), 2)
    cosine, sine = math.cos(turn), math.sin(turn)
    pixels = (
        np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1.0, math.tan(shear)], [0.0, 1.0]]) / scale * flips
    )
    # In pixels an angle is an angle; along the sides it would not be, unless they are equally long.
    sides = np.array([width - 1, height - 1], np.float64).clip(1)
    shift = draws.uniform(-2 * MAX_SHIFT, 2 * MAX_SHIFT, 2)
    return torch.tensor(np.c_[pixels * sides / sides[:, None], shift], dtype=torch.float32)


def _jitter_color(rgb: Tensor, draws: np.random.Generator) -> Tensor:
    """Brightness, contrast about the mean brightness, saturation and hue, of ``[3, H, W]`` in [0, 1]."""
    brightness, contrast, saturation = draws.uniform(1 - COLOR_JITTER, 1 + COLOR_JITTER, 3)
    grey = np.tile(LUMA_WEIGHTS, (3, 1))
    colours = saturation * _hue_rotation(2 * math.pi * draws.uniform(-HUE_JITTER, HUE_JITTER)) + (1 - saturation) * grey
    matrix = torch.tensor(brightness * contrast * colours, dtype=torch.float32)
    middle = brightness * (1 - contrast) * float((torch.tensor(LUMA_WEIGHTS) @ rgb.flatten(1)).mean())
    mixed: Tensor = torch.einsum("ij,jhw->ihw", matrix, rgb) + middle
    return mixed.clamp_(0, 1)


def _hue_rotation(angle: float) -> NDArray[np.float64]:
    """All colours turned about the grey axis, by Rodrigues' formula; greys stay."""
    cosine, sine = math.cos(angle), math.sin(angle) / math.sqrt(3)
    crossed = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    return np.asarray(cosine * np.eye(3) + (1 - cosine) / 3 * np.ones((3, 3)) + sine * crossed)


def _gaussian_blur(rgb: Tensor, deviation: float) -> Tensor:
    """By a Gaussian, cut off after two pixels."""
    steps = torch.arange(BLUR_KERNEL_SIZE, dtype=torch.float32) - BLUR_KERNEL_SIZE // 2
    weights = torch.exp(-steps.square() / (2 * deviation**2))
    weights = weights / weights.sum()
    reach = BLUR_KERNEL_SIZE // 2
    # Channels as images of their own
    wide = F.pad(rgb[:, None], (reach, reach, reach, reach), mode="reflect")
    return F.conv2d(F.conv2d(wide, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))[:, 0]
