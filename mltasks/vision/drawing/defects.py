"""Defects of drawn plates; each changes the plate and returns its coverage."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.drawing.fields import (
    Field,
    as_field,
    bezier,
    gaussian_blur,
    rounded_box,
    smooth_noise,
    smoothstep,
    spectral_noise,
    stroke,
    vector,
)
from mltasks.vision.drawing.plates import CAMERA, CAMERA_HALF, PAD, PAD_HALF, PLATE_HALF, PartKind, Plate

Mask = NDArray[np.bool_]


def add_defect(plate: Plate, kind: PartKind) -> tuple[str, Mask]:
    """Add a defect of ``kind``; return its type and its (H, W) mask.

    For a good part the type is empty and the mask all false.
    """
    if kind is PartKind.GOOD:
        return "", np.zeros(plate.shape, dtype=np.bool_)
    defect_type, add = _DEFECTS[kind]
    return defect_type, add(plate) > 0.12


def _scratch(plate: Plate) -> Field:
    """Add one to four near-parallel bright strands, straight or bent, with gaps."""
    rng = plate.rng
    severity = rng.uniform(0.45, 1.0)
    length, heading = rng.uniform(0.3, 1.1) * (0.6 + 0.6 * severity), rng.uniform(0, 2 * np.pi)
    middle = vector(rng.uniform(-0.6, 0.6), rng.uniform(-1.4, 1.4))
    along = vector(np.cos(heading), np.sin(heading))
    side = vector(-along[1], along[0])
    bend = side * rng.normal(0, 0.12) * length
    damage = np.zeros(plate.shape, dtype=np.float32)
    for strand in range(int(rng.integers(1, 5))):
        reach = length * rng.uniform(0.55, 1.0) / 2
        centre = middle + side * strand * rng.uniform(0.015, 0.05) + along * rng.normal(0, 0.06)
        curve = bezier(centre - along * reach, centre + bend, centre + along * reach)
        damage = np.maximum(damage, _strand(plate, curve, severity))
    hole = smoothstep(rounded_box(plate.x, plate.y, CAMERA, CAMERA_HALF, 0.07), 0.0, -0.03)
    return _engrave(plate, damage * plate.body * (1 - hole), severity)


def _strand(plate: Plate, curve: Field, severity: float) -> Field:
    rng, steps = plate.rng, len(curve)
    press = np.sin(np.linspace(0.12, np.pi - 0.12, steps)) ** 0.5
    skips = 0.75 + 0.45 * smooth_noise(rng, (1, steps), (1, 9))[0]
    inks = np.clip(press * skips * (0.55 + 0.45 * severity), 0, 1)
    width = plate.scale / 128 * rng.uniform(0.9, 1.5 + severity)
    return stroke(plate.shape, plate.to_pixels(curve), (width * (0.6 + 0.4 * press)).tolist(), inks.tolist())


def _engrave(plate: Plate, damage: Field, severity: float) -> Field:
    plate.height -= 0.55 * damage
    plate.tone *= 1 + (1.1 + 1.3 * severity) * damage
    return damage


def _excess(plate: Plate) -> Field:
    """Add excess material: a string with a bead, or flash at the camera hole, pad or rim."""
    return _string(plate) if plate.rng.random() < 0.5 else _flash(plate)


def _string(plate: Plate) -> Field:
    rng = plate.rng
    start = vector(rng.uniform(-0.75, 0.75), rng.uniform(-1.5, 1.5))
    heading, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.0)
    end = start + length * vector(np.cos(heading), np.sin(heading))
    control = as_field((start + end) / 2 + rng.normal(0, 0.16, 2).astype(np.float32))
    curve = bezier(start, control, end)
    taper = np.linspace(1.0, 0.35, len(curve))
    width = plate.scale / 128 * rng.uniform(1.8, 3.2)
    thread = stroke(plate.shape, plate.to_pixels(curve), (width * taper).tolist(), (0.5 + 0.5 * taper).tolist())
    bead = _blob(plate, (float(start[0]), float(start[1])), rng.uniform(0.035, 0.065), ragged=0.7)
    return _pile_up(plate, np.maximum(thread * 0.9, bead), tone=1.15)


def _flash(plate: Plate) -> Field:
    """Add a thin glossy lip of irregular outline at an edge of the mold."""
    rng = plate.rng
    corner = vector(rng.choice([-1.0, 1.0]), rng.uniform(-0.9, 0.9))
    if rng.random() < 0.5:
        corner = vector(rng.uniform(-0.9, 0.9), rng.choice([-1.0, 1.0]))
    edges = [(CAMERA, CAMERA_HALF), (PAD, PAD_HALF), ((0.0, 0.0), (PLATE_HALF[0] - 0.06, PLATE_HALF[1] - 0.06))]
    centre, half = edges[int(rng.integers(len(edges)))]
    place = (centre[0] + half[0] * float(corner[0]), centre[1] + half[1] * float(corner[1]))
    lip = _blob(plate, place, rng.uniform(0.09, 0.19), ragged=0.55)
    return _pile_up(plate, lip, tone=0.75)


def _blob(plate: Plate, place: tuple[float, float], radius: float, ragged: float = 0.2) -> Field:
    distance = np.hypot(plate.x - place[0], plate.y - place[1])
    edge = radius * (1 + ragged * 0.6 * smooth_noise(plate.rng, plate.shape, (28, 16)))
    return smoothstep(distance - edge, 1.2 / plate.scale, -1.2 / plate.scale)


def _pile_up(plate: Plate, heap: Field, tone: float) -> Field:
    rng = plate.rng
    crown = gaussian_blur(heap, 0.022 * plate.scale) * heap
    wavy = 1 + 0.12 * spectral_noise(rng, plate.shape, 1.7)
    plate.height += plate.scale * 0.055 * crown * wavy
    plate.tone *= 1 + heap * tone * rng.uniform(0.7, 1.3)
    plate.gloss *= 1 + 1.8 * heap
    # Material may extend over the belt, but strings end at the rim: a free end in the air would look wrong.
    plate.body = np.maximum(plate.body, heap * (gaussian_blur(plate.body, 0.03 * plate.scale) > 0.2))
    return heap


def _broken_corner(plate: Plate) -> Field:
    """Break off a corner along a jagged line, with a crack that continues from it."""
    rng = plate.rng
    corner = vector(rng.choice([-1.0, 1.0]), rng.choice([-1.0, 1.0])) * vector(*PLATE_HALF)
    inward = -np.sign(corner)
    reach_x, reach_y = rng.uniform(0.35, 0.75), rng.uniform(0.35, 0.85)
    cut = np.abs(plate.x - corner[0]) / reach_x + np.abs(plate.y - corner[1]) / reach_y - 1
    cut += 0.08 * spectral_noise(rng, plate.shape, 1.7)
    inside = plate.body.copy()
    lost = smoothstep(cut, 0.5 / (plate.scale * reach_x), -0.5 / (plate.scale * reach_x))
    lip = smoothstep(cut, 0.09, 0.0) * (1 - lost)
    plate.tone *= 1 + 0.9 * lip
    plate.height -= plate.scale * 0.03 * smoothstep(cut, 0.08, 0.0)
    plate.body *= 1 - lost
    start = corner + inward * vector(reach_x, reach_y) * vector(0.55, 0.5)
    crack = _crack(plate, start, inward)
    return as_field(np.maximum(np.maximum(lost, lip), crack) * inside)


def _crack(plate: Plate, start: Field, inward: Field) -> Field:
    rng, steps = plate.rng, 26
    heading = np.arctan2(inward[1], inward[0]) + rng.normal(0, 0.35)
    turns = heading + np.cumsum(rng.normal(0, 0.22, steps))
    length = rng.uniform(0.45, 1.0) / steps
    walk = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0) * length
    points = (start + walk).astype(np.float32)
    taper = np.linspace(1.0, 0.3, steps)
    width = plate.scale / 128 * rng.uniform(1.6, 2.6)
    crack = stroke(plate.shape, plate.to_pixels(points), (width * taper).tolist(), [1.0] * steps)
    edge = np.roll(crack, 1, axis=(0, 1))
    plate.tone *= (1 - 0.75 * crack) * (1 + 0.8 * edge * (1 - crack))
    return crack


_DEFECTS: dict[PartKind, tuple[str, Callable[[Plate], Field]]] = {
    PartKind.SCRATCH: ("scratch", _scratch),
    PartKind.EXCESS: ("excess", _excess),
    PartKind.NOVEL: ("broken-corner", _broken_corner),
}
