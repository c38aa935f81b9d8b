"""Synthetic defects drawn on pictures of good parts, with the mask of what was drawn.

A network that sees them learns what an unexpected line, spot or patch looks like on this product before a defect is
labeled, and where it is. The idea of training on simulated anomalies: Zavrtanik, Kristan and Skočaj, "DRAEM", ICCV
2021; patches moved within a picture: Li et al., "CutPaste", CVPR 2021. Nothing is taken from other pictures, so a part
held out of a training never appears in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from mltasks.vision.drawing.fields import Field, as_field, smooth_noise, spectral_noise

Rgb = NDArray[np.uint8]
Rng = np.random.Generator
# Coverage above which a pixel belongs to the defect
COVERED = 0.3
# Contrast of a defect in deviations of the picture's brightness, and what is added to the deviation of flat pictures
CONTRAST, FLAT_LEVELS = (0.25, 1.6), 8.0
DEFECTS_PER_PICTURE = (1, 1, 1, 2, 3)
# Trials of a defect that can be seen, and side of the window in which a pixel must change
ATTEMPTS, CHANGE_WINDOW = 10, 9


class _Canvas(NamedTuple):
    """Picture in work, float32 RGB ``[H, W, 3]``, and the signed contrast of the next defect in gray levels."""

    rng: Rng
    rgb: Field
    contrast: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.rgb.shape[0], self.rgb.shape[1]


Draw = Callable[[_Canvas], tuple[Field, Field]]


def add_synthetic_defects(picture: Rgb, seed: int) -> tuple[Rgb, NDArray[np.bool_]]:
    """Return the uint8 RGB picture ``[H, W, 3]`` with one to three defects, and their mask ``[H, W]``.

    The same picture and seed give the same defects."""
    rng = np.random.default_rng(seed)
    drawn, mask = picture, np.zeros(picture.shape[:2], np.bool_)
    for _ in range(int(rng.choice(DEFECTS_PER_PICTURE))):
        drawn, covered = _draw_visible(rng, drawn)
        mask |= covered
    # A later defect may undo an earlier one.
    return drawn, mask & _near_change(picture, drawn)


def _draw_visible(rng: Rng, picture: Rgb) -> tuple[Rgb, NDArray[np.bool_]]:
    """Return the picture with one defect, and where it covers something that can be seen.

    A defect without such a place, for instance a bright one on white, is drawn anew."""
    for _ in range(ATTEMPTS):
        rgb = as_field(picture)
        contrast = float(rng.choice((-1, 1)) * rng.uniform(*CONTRAST) * (rgb.std() + FLAT_LEVELS))
        drawn, coverage = KINDS[int(rng.integers(len(KINDS)))](_Canvas(rng, rgb, contrast))
        changed = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
        covered = (coverage > COVERED) & _near_change(picture, changed)
        if covered.any():
            return changed, covered
    return picture, np.zeros(picture.shape[:2], np.bool_)


def _near_change(before: Rgb, after: Rgb) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = maximum_filter((before != after).any(2), CHANGE_WINDOW)
    return near


def _scratch(canvas: _Canvas) -> tuple[Field, Field]:
    line = _curve(canvas.rng, canvas.shape)
    return canvas.rgb + canvas.contrast * line[..., None], line


def _spot(canvas: _Canvas) -> tuple[Field, Field]:
    rng = canvas.rng
    spot = as_field(gaussian_filter(_blob(rng, canvas.shape, 10 ** rng.uniform(-3.6, -1.5)), rng.uniform(0.5, 2.5)))
    texture = 1 + rng.uniform(0, 0.5) * spectral_noise(rng, canvas.shape, rng.uniform(0, 1))
    return canvas.rgb + (canvas.contrast * texture * spot)[..., None], spot


def _pits(canvas: _Canvas) -> tuple[Field, Field]:
    rng, (height, width) = canvas.rng, canvas.shape
    middle, spread = rng.uniform(0, 1, 2) * (height, width), rng.uniform(0.01, 0.08) * min(height, width)
    places = (middle + spread * rng.standard_normal((int(rng.integers(1, 12)), 2))).astype(int)
    blur = rng.uniform(1, 3)
    # Each pit alone has the highest value 1, however many overlap elsewhere.
    pits = as_field(np.clip(2 * np.pi * blur**2 * _dots(canvas.shape, places, blur), 0, 1))
    return canvas.rgb + 1.2 * canvas.contrast * pits[..., None], pits


def _moved_patch(canvas: _Canvas) -> tuple[Field, Field]:
    rng = canvas.rng
    patch = as_field(gaussian_filter(_blob(rng, canvas.shape, 10 ** rng.uniform(-3, -1.2)), 1.0))[..., None]
    moved = np.roll(canvas.rgb, rng.integers(canvas.shape).tolist(), (0, 1))[
        :: rng.choice((-1, 1)), :: rng.choice((-1, 1))
    ]
    return canvas.rgb * (1 - patch) + moved * patch, patch[..., 0]


def _shade(canvas: _Canvas) -> tuple[Field, Field]:
    rng = canvas.rng
    shade = as_field(gaussian_filter(_blob(rng, canvas.shape, 10 ** rng.uniform(-1.8, -0.5)), rng.uniform(3, 15)))
    return canvas.rgb + 0.6 * canvas.contrast * shade[..., None], shade


def _roughness(canvas: _Canvas) -> tuple[Field, Field]:
    rng = canvas.rng
    area = as_field(gaussian_filter(_blob(rng, canvas.shape, 10 ** rng.uniform(-3, -1.2)), 0.7))
    grain = spectral_noise(rng, canvas.shape, rng.uniform(0, 0.6))
    return canvas.rgb + (abs(canvas.contrast) * area * grain)[..., None], area


KINDS: tuple[Draw, ...] = (_scratch, _scratch, _spot, _spot, _pits, _moved_patch, _shade, _roughness)


def _blob(rng: Rng, shape: tuple[int, int], share: float) -> Field:
    """Return 1 inside an irregular ellipse of about this share of the picture, 0 outside."""
    height, width = shape
    radius, stretch, turn = (share * height * width / np.pi) ** 0.5, np.exp(rng.normal(0, 0.5)), rng.uniform(0, np.pi)
    y, x = np.mgrid[:height, :width] - (rng.uniform(0, 1, 2) * shape)[:, None, None]
    along = (x * np.cos(turn) + y * np.sin(turn)) / (radius * stretch)
    across = (y * np.cos(turn) - x * np.sin(turn)) / (radius / stretch)
    step = max(4.0, 0.7 * radius)
    cells = (max(2, round(height / step)), max(2, round(width / step)))
    return as_field(np.hypot(along, across) + 0.35 * smooth_noise(rng, shape, cells) < 1)


def _curve(rng: Rng, shape: tuple[int, int]) -> Field:
    """Return the coverage of a thin line that turns at random, from almost straight to curled."""
    length = int(rng.uniform(0.08, 0.9) * max(shape)) + 2
    bends = np.cumsum(0.05 * np.cumsum(rng.normal(0, rng.choice((0.005, 0.02, 0.08)), length)))
    jitter = 0.5 * np.cumsum(rng.normal(0, rng.choice((0.01, 0.05, 0.15)), length))
    direction = rng.uniform(0, 2 * np.pi) + bends + jitter
    steps = np.cumsum(np.stack([np.sin(direction), np.cos(direction)], 1), 0)
    places = (rng.uniform(0, 1, 2) * shape + steps).astype(int)
    dots = _dots(shape, places, rng.uniform(0.5, 2.5))
    return as_field(np.clip(1.5 * dots / max(float(dots.max()), 1e-6), 0, 1))


def _dots(shape: tuple[int, int], places: NDArray[np.int64], blur: float) -> Field:
    """Return dots of sum 1 each, blurred, at pixel ``places`` ``[n, 2]``; places outside are left out."""
    dots = np.zeros(shape, np.float32)
    inside = ((places >= 0) & (places < shape)).all(1)
    dots[tuple(places[inside].T)] = 1
    return as_field(gaussian_filter(dots, blur))
