"""Random surfaces: gray fields of many spectra and structures, and their colors.

Every surface is a function ``(rng, side) -> Field`` of shape (side, side) without a fixed range. ``colorize`` turns
it into RGB.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mltasks.vision.drawing.fields import Field, as_field, smooth_noise, spectral_noise

Rng = np.random.Generator
Surface = Callable[[Rng, int], Field]


def coordinates(rng: Rng, side: int, warp: float = 0.0) -> tuple[Field, Field]:
    """Return x, y in about [-1, 1], rotated by a random angle and bent by up to ``warp``."""
    axis = np.linspace(-1, 1, side, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    angle = rng.uniform(0, 2 * np.pi)
    turned = (x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle))
    if not warp:
        return turned[0].astype(np.float32), turned[1].astype(np.float32)
    cells = (int(rng.integers(2, 7)),) * 2
    bent = [part + warp * smooth_noise(rng, (side, side), cells) for part in turned]
    return bent[0].astype(np.float32), bent[1].astype(np.float32)


def clouds(rng: Rng, side: int) -> Field:
    """Return noise of one random spectrum, from grain to mist, sometimes elongated."""
    return spectral_noise(rng, (side, side), rng.uniform(0.2, 2.2), float(rng.choice([1, 1, 1, 3, 0.3])))


def brushed(rng: Rng, side: int) -> Field:
    """Return brushed or ground metal: fine lines along one axis under a broad sheen."""
    lines = spectral_noise(rng, (side, side), rng.uniform(0.3, 0.9), rng.uniform(15, 60))
    if rng.random() < 0.5:
        lines = lines.T
    return as_field(lines + rng.uniform(0.5, 3) * smooth_noise(rng, (side, side), (3, 3)))


def stripes(rng: Rng, side: int) -> Field:
    """Return gratings, bars or checkers, straight or bent, soft or hard."""
    x, y = coordinates(rng, side, rng.choice([0, 0, 0.05, 0.2]))
    wave = np.sin(x * rng.uniform(4, 90) + rng.uniform(0, 6))
    if rng.random() < 0.4:
        wave = wave * np.sin(y * rng.uniform(4, 90))
    return as_field(np.tanh(wave * rng.choice([0.5, 2, 20]) + rng.uniform(-0.5, 0.5)))


def wood(rng: Rng, side: int) -> Field:
    """Return wood: rings cut lengthwise, with pores."""
    x, y = coordinates(rng, side, rng.uniform(0.02, 0.15))
    rings = np.hypot(x + rng.uniform(-1, 1), y * rng.uniform(0.05, 0.4)) * rng.uniform(10, 60)
    return as_field(np.sin(rings) + 0.4 * spectral_noise(rng, (side, side), 0.6, rng.uniform(0.05, 0.2)))


def weave(rng: Rng, side: int) -> Field:
    """Return cloth: two sets of threads that cross over each other."""
    x, y = coordinates(rng, side, rng.uniform(0, 0.04))
    pitch = rng.uniform(15, 110)
    over = np.sin(x * pitch) * np.sin(y * pitch) > 0
    threads = np.where(over, np.abs(np.sin(x * pitch)), np.abs(np.sin(y * pitch)))
    return as_field(threads * 2 + rng.uniform(0.1, 0.6) * spectral_noise(rng, (side, side), 0.6))


def cells(rng: Rng, side: int) -> Field:
    """Return grains, stones or cells: distances to the nearest of scattered points."""
    x, y = coordinates(rng, side, rng.uniform(0, 0.06))
    seeds = rng.uniform(-1.4, 1.4, (int(rng.integers(8, 70)), 2)).astype(np.float32)
    distances = np.hypot(x[None] - seeds[:, 0, None, None], y[None] - seeds[:, 1, None, None])
    nearest = np.partition(distances, 1, axis=0)[:2]
    choice = rng.integers(3)
    if choice == 0:
        return as_field(nearest[0])
    if choice == 1:
        return as_field(np.tanh((nearest[1] - nearest[0]) * rng.uniform(5, 60)))
    return as_field(rng.standard_normal(len(seeds)).astype(np.float32)[np.argmin(distances, axis=0)])


def concrete(rng: Rng, side: int) -> Field:
    """Return cast stone: mist and grain, with pits and pebbles of many sizes."""
    base = spectral_noise(rng, (side, side), 1.3) + 0.5 * spectral_noise(rng, (side, side), 0.3)
    lumps = spectral_noise(rng, (side, side), rng.uniform(0.7, 1.4))
    return as_field(base + rng.choice([-3, 2]) * (lumps > rng.uniform(1.2, 2.4)))


def relief(rng: Rng, side: int) -> Field:
    """Return another surface as a lit height field: hammered, cast or leather-like."""
    height = SURFACES[int(rng.integers(len(SURFACES) - 1))](rng, side)
    slope_y, slope_x = np.gradient(height)
    angle = rng.uniform(0, 2 * np.pi)
    lit = slope_x * np.cos(angle) + slope_y * np.sin(angle)
    return as_field(np.tanh(lit / max(float(lit.std()), 1e-6)))


def gradient(rng: Rng, side: int) -> Field:
    """Return a plain ramp or a soft spot, with little grain."""
    x, y = coordinates(rng, side)
    soft = x if rng.random() < 0.5 else np.hypot(x - rng.uniform(-1, 1), y - rng.uniform(-1, 1))
    return as_field(soft + rng.uniform(0, 0.1) * spectral_noise(rng, (side, side), 0.5))


# relief draws one of the other surfaces, so it must be last.
SURFACES: list[Surface] = [clouds, brushed, stripes, wood, weave, cells, concrete, gradient, relief]


def random_surface(rng: Rng, side: int) -> Field:
    """Return a surface of a random kind, scaled to [0, 1] by its 2nd and 98th percentile."""
    raw = SURFACES[int(rng.integers(len(SURFACES)))](rng, side)
    low, high = np.percentile(raw[::4, ::4], [2, 98])
    return as_field(np.clip((raw - low) / max(float(high - low), 1e-6), 0, 1))


def colorize(rng: Rng, grey: Field) -> Field:
    """Color (H, W) in [0, 1] by a random ramp of two to four colors, often dull.

    Returns (H, W, 3) in [0, 1].
    """
    stops = rng.uniform(0, 1, (int(rng.integers(2, 5)), 3))
    dull = rng.choice([0.0, 0.1, 0.3, 1.0])
    stops = stops * dull + stops.mean(axis=1, keepdims=True) * (1 - dull)
    place = np.linspace(0, 1, len(stops))
    tables = [np.interp(np.linspace(0, 1, 256), place, stops[:, channel]) for channel in range(3)]
    return as_field(np.stack(tables, axis=-1).astype(np.float32)[(grey * 255).astype(np.uint8)])


def draw_texture(rng: Rng, side: int) -> Field:
    """Return a colored surface, (side, side, 3) in [0, 1]."""
    return colorize(rng, random_surface(rng, side))
