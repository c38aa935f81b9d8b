"""Plates of the demo: dark molded parts on a lighter belt, seen by an overhead camera.

A plate is a height field: rim, camera hole, pad, screw bosses, ribs, a cavity number. It is lit from a side, with the
grain and the flow marks of molding. A defect changes height, tone or outline. The camera's effects are applied last.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mltasks.vision.drawing.fields import (
    Field,
    as_field,
    coverage,
    gaussian_blur,
    rounded_box,
    smooth_noise,
    smoothstep,
    spectral_noise,
    vector,
)

PLATE_HALF = (1.0, 1.8)
CAMERA = (0.0, -1.28)
CAMERA_HALF = (0.19, 0.17)
PAD = (0.0, -0.32)
PAD_HALF = (0.56, 0.56)


class PartKind(StrEnum):
    """Kind of a part on the belt; ``NOVEL`` is a defect type without labels in the demo."""

    GOOD = "good"
    SCRATCH = "scratch"
    EXCESS = "excess"
    NOVEL = "novel"


@dataclass(slots=True)
class Plate:
    """Plate being drawn; x and y are in half plate widths from its center.

    ``height`` is in pixels, ``tone`` the share of light reflected, ``gloss`` the strength of highlights. ``body`` is
    the share of each pixel that is plate and not belt.
    """

    rng: np.random.Generator
    x: Field
    y: Field
    scale: float
    pose: tuple[float, float, float]
    height: Field
    tone: Field
    gloss: Field
    body: Field

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns of the image."""
        return self.x.shape[0], self.x.shape[1]

    def to_pixels(self, points: Field) -> Field:
        """Convert plate coordinates (n, 2) to pixels."""
        turn, left, top = self.pose
        cosine, sine = np.cos(turn), np.sin(turn)
        x = points[:, 0] * cosine - points[:, 1] * sine
        y = points[:, 0] * sine + points[:, 1] * cosine
        return np.stack([x * self.scale + left, y * self.scale + top], axis=1).astype(np.float32)


def mold(rng: np.random.Generator, size: tuple[int, int]) -> Plate:
    """Return a good plate in an image of ``size`` (width, height), not yet lit."""
    width, height = size
    scale = min(0.455 * width / PLATE_HALF[0], 0.468 * height / PLATE_HALF[1]) * rng.uniform(0.985, 1.01)
    pose = (rng.normal(0, 0.008), width / 2 + rng.normal(0, 0.007 * width), height / 2 + rng.normal(0, 0.006 * height))
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    across, down = (columns - pose[1]) / scale, (rows - pose[2]) / scale
    cosine, sine = np.cos(pose[0]), np.sin(pose[0])
    x = (across * cosine + down * sine).astype(np.float32)
    y = (down * cosine - across * sine).astype(np.float32)
    outline = rounded_box(x, y, (0, 0), PLATE_HALF, 0.1)
    empty = np.zeros_like(x)
    plate = Plate(rng, x, y, scale, pose, empty, empty + 1, empty + 1, smoothstep(outline, 0.5 / scale, -0.5 / scale))
    _add_relief(plate, outline)
    _add_surface(plate)
    return plate


def _add_relief(plate: Plate, outline: Field) -> None:
    depth = plate.scale * 0.045
    plate.height += depth * (smoothstep(outline, 0.0, -0.035) - 0.8 * smoothstep(outline, -0.06, -0.1))
    pad = rounded_box(plate.x, plate.y, PAD, PAD_HALF, 0.1)
    plate.height += depth * (0.5 * smoothstep(pad, 0.05, 0.015) - 0.9 * smoothstep(pad, -0.02, -0.075))
    camera = rounded_box(plate.x, plate.y, CAMERA, CAMERA_HALF, 0.07)
    plate.height += depth * (0.8 * smoothstep(camera, 0.045, 0.01) - 2.4 * smoothstep(camera, -0.01, -0.06))
    plate.tone *= 1 - 0.62 * smoothstep(camera, -0.03, -0.05)
    for boss_x, boss_y in ((-0.76, -1.55), (0.76, -1.55), (-0.76, 1.55), (0.76, 1.55)):
        distance = np.hypot(plate.x - boss_x, plate.y - boss_y)
        plate.height += depth * (0.7 * smoothstep(distance, 0.085, 0.06) - 1.3 * smoothstep(distance, 0.045, 0.03))
        plate.tone *= 1 - 0.5 * smoothstep(distance, 0.045, 0.03)
    for rib_y in (0.98, 1.1, 1.22):
        plate.height += (
            depth * 0.5 * smoothstep(rounded_box(plate.x, plate.y, (0, rib_y), (0.34, 0.014), 0.014), 0.02, -0.008)
        )
    plate.height += depth * 0.28 * _cavity_number(plate)


def _cavity_number(plate: Plate) -> Field:
    """Return raised digits near the lower edge, as molds leave them."""
    picture = Image.new("L", (plate.shape[1], plate.shape[0]))
    font = ImageFont.load_default(size=max(8, plate.scale * 0.13))
    place = plate.to_pixels(vector(0.0, 1.48)[None])[0]
    text = f"PP-GF  {plate.rng.integers(1, 5)}"
    ImageDraw.Draw(picture).text((float(place[0]), float(place[1])), text, fill=255, font=font, anchor="mm")
    return gaussian_blur(coverage(picture), 0.6)


def _add_surface(plate: Plate) -> None:
    """Add grain, flow marks, the pad's matte swirl and some dust, which good parts have too."""
    rng, shape = plate.rng, plate.shape
    plate.height += 0.045 * spectral_noise(rng, shape, 0.4)
    plate.tone *= 1 + 0.035 * smooth_noise(rng, shape, (7, 4)) + 0.02 * spectral_noise(rng, shape, 1.1, stretch=0.25)
    gate = np.hypot(plate.x - rng.normal(0, 0.1), (plate.y - 1.0) * 0.8)
    plate.tone *= 1 + rng.uniform(0.02, 0.07) * np.exp(-gate * 1.6)
    pad = smoothstep(rounded_box(plate.x, plate.y, PAD, PAD_HALF, 0.1), -0.05, -0.09)
    swirl = spectral_noise(rng, shape, 1.7)
    plate.tone *= 1 + pad * (rng.uniform(-0.08, 0.1) + rng.uniform(0.02, 0.12) * np.tanh(2 * swirl) * 0.6)
    plate.gloss *= 1 + 0.6 * pad
    _add_dust(plate)


def _add_dust(plate: Plate) -> None:
    rng, (height, width) = plate.rng, plate.shape
    dust = np.zeros(plate.shape, dtype=np.float32)
    count = int(rng.poisson(7))
    dust[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.uniform(0.3, 1, count)
    plate.tone *= 1 + 3.2 * gaussian_blur(dust, 0.6)


def compose(plate: Plate) -> Field:
    """Light the plate and place it on the belt; return (H, W, 3) in [0, 1]."""
    rng = plate.rng
    direction = vector(-0.5 + rng.normal(0, 0.06), -0.62 + rng.normal(0, 0.06), 0.85)
    direction /= np.linalg.norm(direction)
    slope_y, slope_x = np.gradient(plate.height)
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    facing = (-slope_x * direction[0] - slope_y * direction[1] + direction[2]) / length
    half = direction + vector(0, 0, 1)
    half /= np.linalg.norm(half)
    mirror = np.clip((-slope_x * half[0] - slope_y * half[1] + half[2]) / length, 0, 1)
    falloff = 1 - 0.06 * (plate.y * rng.normal(0.5, 0.4) + plate.x * rng.normal(0, 0.5))
    light = plate.tone * falloff * (0.06 + 0.2 * np.clip(facing, 0, 1)) + 0.085 * plate.gloss * mirror**22
    tint = vector(1.03, 1.0, 0.985) * (1 + rng.normal(0, 0.006, 3).astype(np.float32))
    plastic = light[..., None] * tint
    return as_field(_belt(plate) * (1 - plate.body[..., None]) + plastic * plate.body[..., None])


def _belt(plate: Plate) -> Field:
    rng, shape = plate.rng, plate.shape
    rows, columns = np.indices(shape, dtype=np.float32)
    weave = 0.012 * np.sin(rows * 2.1 + rng.uniform(0, 6)) * np.sin(columns * 2.1)
    wear = 0.03 * spectral_noise(rng, shape, 1.0, stretch=5.0) + 0.02 * smooth_noise(rng, shape, (4, 3))
    shadow = gaussian_blur(
        np.roll(plate.body, (int(0.035 * plate.scale), int(0.025 * plate.scale)), (0, 1)), 0.03 * plate.scale
    )
    tone = (0.66 + weave + wear) * (1 - 0.6 * shadow)
    return as_field(tone[..., None] * vector(0.97, 1.0, 1.0))


def expose(rng: np.random.Generator, light: Field) -> Image.Image:
    """Apply the camera: exposure, slightly soft lens, shot and read noise, JPEG."""
    exposed = np.clip(light * rng.normal(1.0, 0.025), 0, 1)
    soft = np.stack([gaussian_blur(exposed[..., channel], 0.45) for channel in range(3)], axis=-1)
    grey = rng.standard_normal(light.shape[:2], dtype=np.float32)[..., None]
    colour = rng.standard_normal(light.shape, dtype=np.float32)
    noisy = soft + (0.004 + 0.010 * np.sqrt(soft)) * (0.8 * grey + 0.6 * colour)
    levels = (np.clip(noisy, 0, 1) ** 0.88 * 255 + 0.5).astype(np.uint8)
    compressed = io.BytesIO()
    Image.fromarray(levels).save(compressed, format="JPEG", quality=93)
    return Image.open(compressed).convert("RGB")
