"""Random views of an image for training, and the plain view for evaluation."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

# In this order: degrees, share of the side, share of the size, degrees
MAX_ROTATION_DEG, MAX_SHIFT, MAX_SCALE_CHANGE, MAX_SHEAR_DEG = 8.0, 0.03, 0.1, 5.0
# Shares of brightness, contrast and saturation; hue in turns of the color circle
COLOR_JITTER, HUE_JITTER = 0.2, 0.02
BLUR_PROBABILITY, MAX_BLUR_SIGMA, BLUR_KERNEL_SIZE = 0.3, 1.0, 5
# Rec. 601: contribution of each channel to brightness
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def train_view(image: Tensor, seed: int) -> Tensor:
    """Return a random view of a uint8 ``[3, H, W]`` image as float32 in [0, 1], by seed.

    Flips, then rotation to 8° with shift, scale and shear in one resampling (two would blur thin scratches), color
    jitter and blur. Mirroring fills the edges: a filled corner would be an edge to detect. All color changes are one
    matrix, so a view costs a tenth of the network's forward pass.
    """
    draws = np.random.default_rng(seed)
    plain = eval_view(image)
    height, width = plain.shape[1:]
    grid = F.affine_grid(_affine_matrix(draws, height, width)[None], [1, 3, height, width], align_corners=True)
    moved = F.grid_sample(plain[None], grid, mode="bilinear", padding_mode="reflection", align_corners=True)[0]
    mixed = _jitter_color(moved, draws)
    return _gaussian_blur(mixed, draws.uniform(0.1, MAX_BLUR_SIGMA)) if draws.random() < BLUR_PROBABILITY else mixed


def random_flip(batch: Tensor, generator: np.random.Generator) -> Tensor:
    """Flip a batch of images or maps ``[N, C, H, W]`` along none, one or both axes, at random."""
    return batch.flip([axis for axis in (2, 3) if generator.integers(2)])


def eval_view(image: Tensor) -> Tensor:
    """Convert a uint8 ``[3, H, W]`` image to float32 in [0, 1]."""
    return image.float() / 255


def _affine_matrix(draws: np.random.Generator, height: int, width: int) -> Tensor:
    """Return a random affine map ``[2, 3]`` from view to image, in coordinates from -1 to 1."""
    turn, shear = (math.radians(draws.uniform(-limit, limit)) for limit in (MAX_ROTATION_DEG, MAX_SHEAR_DEG))
    scale = draws.uniform(1 - MAX_SCALE_CHANGE, 1 + MAX_SCALE_CHANGE)
    flips = draws.choice((-1.0, 1.0), 2)
    cosine, sine = math.cos(turn), math.sin(turn)
    pixels = (
        np.array([[cosine, -sine], [sine, cosine]]) @ np.array([[1.0, math.tan(shear)], [0.0, 1.0]]) / scale * flips
    )
    # Angles hold in pixels; coordinates along sides of unequal length would distort angles.
    sides = np.array([width - 1, height - 1], np.float64).clip(1)
    shift = draws.uniform(-2 * MAX_SHIFT, 2 * MAX_SHIFT, 2)
    return torch.tensor(np.c_[pixels * sides / sides[:, None], shift], dtype=torch.float32)


def _jitter_color(rgb: Tensor, draws: np.random.Generator) -> Tensor:
    """Change brightness, contrast about the mean, saturation and hue of ``[3, H, W]`` in [0, 1]."""
    brightness, contrast, saturation = draws.uniform(1 - COLOR_JITTER, 1 + COLOR_JITTER, 3)
    grey = np.tile(LUMA_WEIGHTS, (3, 1))
    colours = saturation * _hue_rotation(2 * math.pi * draws.uniform(-HUE_JITTER, HUE_JITTER)) + (1 - saturation) * grey
    matrix = torch.tensor(brightness * contrast * colours, dtype=torch.float32)
    middle = brightness * (1 - contrast) * float((torch.tensor(LUMA_WEIGHTS) @ rgb.flatten(1)).mean())
    mixed: Tensor = torch.einsum("ij,jhw->ihw", matrix, rgb) + middle
    return mixed.clamp_(0, 1)


def _hue_rotation(angle: float) -> NDArray[np.float64]:
    """Return the rotation of all colors about the gray axis (Rodrigues' formula); grays stay."""
    cosine, sine = math.cos(angle), math.sin(angle) / math.sqrt(3)
    crossed = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    return np.asarray(cosine * np.eye(3) + (1 - cosine) / 3 * np.ones((3, 3)) + sine * crossed)


def _gaussian_blur(rgb: Tensor, deviation: float) -> Tensor:
    """Blur with a Gaussian that is cut off after two pixels."""
    steps = torch.arange(BLUR_KERNEL_SIZE, dtype=torch.float32) - BLUR_KERNEL_SIZE // 2
    weights = torch.exp(-steps.square() / (2 * deviation**2))
    weights = weights / weights.sum()
    reach = BLUR_KERNEL_SIZE // 2
    # Channels become separate images.
    wide = F.pad(rgb[:, None], (reach, reach, reach, reach), mode="reflect")
    return F.conv2d(F.conv2d(wide, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))[:, 0]
