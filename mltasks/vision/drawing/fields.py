"""Arrays for drawing: noise, distances to shapes, strokes; float32 (H, W) by default."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Field = NDArray[np.float32]
Point = tuple[float, float]
_OVERSAMPLING = 4


def as_field(values: ArrayLike) -> Field:
    """Return values as float32, without a copy if they are float32 already."""
    return np.asarray(values, dtype=np.float32)


def coverage(picture: Image.Image) -> Field:
    """Return an 8-bit gray image as float32 in [0, 1]."""
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def spectral_noise(rng: np.random.Generator, shape: tuple[int, int], exponent: float, stretch: float = 1.0) -> Field:
    """Return noise of mean 0 and deviation 1 with amplitude frequency ** -exponent.

    0 is white, 1 is cloudy like natural images, 2 is smooth. ``stretch`` above 1 elongates the noise along x.
    """
    height, width = shape
    rows = np.fft.fftfreq(height)[:, None].astype(np.float32)
    columns = np.fft.rfftfreq(width)[None, :].astype(np.float32) * stretch
    frequency = np.sqrt(rows**2 + columns**2)
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal(shape, dtype=np.float32)) * frequency**-exponent
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=shape).astype(np.float32)
    return noise / max(float(noise.std()), 1e-6)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> Field:
    """Return noise of deviation near 1 that varies over ``cells`` (rows, columns).

    Enlarged bicubically.
    """
    coarse = Image.fromarray(rng.standard_normal(cells, dtype=np.float32))
    return np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), dtype=np.float32)


def rounded_box(x: Field, y: Field, centre: Point, half: Point, radius: float) -> Field:
    """Return the signed distance to a rounded box: negative inside, in the unit of x and y."""
    outside_x = np.abs(x - centre[0]) - (half[0] - radius)
    outside_y = np.abs(y - centre[1]) - (half[1] - radius)
    corner = np.hypot(np.maximum(outside_x, 0), np.maximum(outside_y, 0))
    inner = np.minimum(np.maximum(outside_x, outside_y), 0)
    return as_field(corner + inner - radius)


def smoothstep(values: Field, start: float, end: float) -> Field:
    """Return a smooth step from 0 at ``start`` to 1 at ``end``; ``end`` may lie below ``start``."""
    share = np.clip((values - start) / (end - start), 0, 1)
    return as_field(share * share * (3 - 2 * share))


def gaussian_blur(values: Field, radius: float) -> Field:
    """Return values in [0, 1] blurred by a Gaussian of ``radius`` pixels, in 256 steps."""
    picture = Image.fromarray(np.clip(values * 255, 0, 255).astype(np.uint8))
    return coverage(picture.filter(ImageFilter.GaussianBlur(radius)))


def vector(*values: float) -> Field:
    """Return float32 values as an array of one axis."""
    return np.array(values, dtype=np.float32)


def bezier(start: Field, control: Field, end: Field) -> Field:
    """Return the (48, 2) points of a quadratic curve between (2,) points."""
    t = np.linspace(0, 1, 48, dtype=np.float32)[:, None]
    curve: Field = (1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end
    return curve.astype(np.float32)


def stroke(shape: tuple[int, int], points: Field, widths: Sequence[float], inks: Sequence[float]) -> Field:
    """Return the coverage in [0, 1] of a line through pixel ``points``.

    Each segment has its own width and ink.
    """
    size = (shape[1] * _OVERSAMPLING, shape[0] * _OVERSAMPLING)
    canvas = Image.new("L", size)
    pen = ImageDraw.Draw(canvas)
    scaled = [tuple(point) for point in (points * _OVERSAMPLING).tolist()]
    for start, end, width, ink in zip(scaled, scaled[1:], widths, inks, strict=False):
        pen.line((start, end), fill=int(255 * ink), width=max(1, round(width * _OVERSAMPLING)))
    return coverage(canvas.reduce(_OVERSAMPLING))
