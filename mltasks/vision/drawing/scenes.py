"""Images to distill on: surfaces, overlapping shapes, marks and the demo's parts, by seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.fields import Field, bezier, coverage, smooth_noise, stroke, vector
from mltasks.vision.drawing.plates import PartKind
from mltasks.vision.drawing.textures import Rng, draw_texture

_GLYPHS = "ABCDEFGHKLMNPRSTUVXYZabdeghkmnqrstwxyz0123456789+-/#%&()=<>*"
# One image in eight shows plates: the weights will see the demo's parts, but not only them.
_PLATE_SHARE = 0.125


def draw_picture(seed: int, index: int, side: int = 256) -> NDArray[np.uint8]:
    """Draw image ``index`` of the series ``seed``: RGB (side, side, 3), deterministic."""
    rng = np.random.default_rng([seed, index])
    if rng.random() < _PLATE_SHARE:
        return _plate_view(rng, side)
    picture = _layered(rng, side) if rng.random() < 0.6 else draw_texture(rng, side)
    for _ in range(int(rng.poisson(1.6))):
        add_mark = _MARKS[int(rng.integers(len(_MARKS)))]
        picture = add_mark(rng, picture)
    return _expose_scene(rng, picture)


def _plate_view(rng: Rng, side: int) -> NDArray[np.uint8]:
    """Draw a whole part or a close-up."""
    kind = list(PartKind)[int(rng.choice(4, p=[0.2, 0.35, 0.35, 0.1]))]
    part = draw_part(kind, int(rng.integers(1 << 40)))
    if rng.random() < 0.3:
        return np.asarray(part.image.resize((side, side), Image.Resampling.BILINEAR))
    height = int(rng.integers(288, 420))
    _, top, _, bottom = part.defect_box or (0, 0, part.image.width, part.image.height)
    middle_y = int(rng.uniform(top, bottom))
    start = int(np.clip(middle_y - height * rng.uniform(0.2, 0.8), 0, part.image.height - height))
    view = part.image.crop((0, start, part.image.width, start + height))
    return np.asarray(view.resize((side, side), Image.Resampling.BILINEAR))


def _layered(rng: Rng, side: int) -> Field:
    """Draw dead leaves: overlapping textured shapes whose sizes follow a power law."""
    picture = draw_texture(rng, side)
    fills = [draw_texture(rng, side) for _ in range(3)]
    for _ in range(int(rng.integers(3, 26))):
        cover = _shape(rng, side)[..., None]
        fill = fills[int(rng.integers(3))] if rng.random() < 0.5 else rng.uniform(0, 1, 3).astype(np.float32)
        shade = 1 + rng.uniform(-0.25, 0.25)
        picture = picture * (1 - cover) + np.clip(fill * shade, 0, 1) * cover
    return picture


def _shape(rng: Rng, side: int) -> Field:
    """Return the coverage in [0, 1] of an ellipse, polygon or rounded box, filled or outlined."""
    canvas = Image.new("L", (2 * side, 2 * side))
    pen = ImageDraw.Draw(canvas)
    radius = 2 * side * 0.5 * min(1.0, 0.07 * (1 - rng.random()) ** -0.7)
    x, y = rng.uniform(0, 2 * side, 2)
    corner_x, corner_y = radius * rng.uniform(0.3, 1, 2)
    box = (x - corner_x, y - corner_y, x + corner_x, y + corner_y)
    outline = int(rng.integers(2, 14)) if rng.random() < 0.25 else 0
    fill = None if outline else 255
    kind = rng.integers(3)
    if kind == 0:
        pen.ellipse(box, fill=fill, outline=255, width=outline)
    elif kind == 1:
        # Pillow rejects a radius within a pixel or so of half the box.
        rounding = max(0.0, min(corner_x, corner_y) - 2) * rng.uniform(0, 1)
        pen.rounded_rectangle(box, radius=rounding, fill=fill, outline=255, width=outline)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
        reach = radius * rng.uniform(0.4, 1, len(angles))
        points = [(x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(reach, angles, strict=True)]
        pen.polygon(points, fill=fill, outline=255, width=outline)
    return coverage(canvas.reduce(2))


def _blend(rng: Rng, picture: Field, cover: Field) -> Field:
    ink = rng.uniform(0, 1, 3) if rng.random() < 0.3 else np.full(3, rng.choice([0.02, 0.15, 0.8, 0.97]))
    opacity = cover[..., None] * rng.uniform(0.25, 1.0)
    return (picture * (1 - opacity) + ink.astype(np.float32) * opacity).astype(np.float32)


def _add_scratches(rng: Rng, picture: Field) -> Field:
    side = picture.shape[0]
    cover = np.zeros((side, side), dtype=np.float32)
    heading, middle = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.9, 2) * side
    for _ in range(int(rng.integers(1, 6))):
        turn = heading + rng.normal(0, 0.08)
        along = vector(np.cos(turn), np.sin(turn)) * rng.uniform(0.05, 0.5) * side
        place = vector(*(middle + rng.normal(0, 0.04 * side, 2)))
        bend = vector(*rng.normal(0, 0.05 * side, 2))
        curve = bezier(place - along, place + bend, place + along)
        inks = np.clip(0.8 + 0.5 * smooth_noise(rng, (1, 48), (1, 8))[0], 0, 1)
        cover = np.maximum(cover, stroke((side, side), curve, [rng.uniform(0.5, 2.5)] * 48, inks.tolist()))
    return _blend(rng, picture, cover)


def _add_lines(rng: Rng, picture: Field) -> Field:
    """Add a bundle of lines: wires, cracks (a random walk) or scribble."""
    side = picture.shape[0]
    steps = int(rng.integers(4, 60))
    turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, rng.choice([0.05, 0.3, 0.9]), steps))
    walk = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1), axis=0) * rng.uniform(0.3, 1.2) * side / steps
    points = (walk + rng.uniform(0.1, 0.9, 2) * side).astype(np.float32)
    taper = np.linspace(1, rng.uniform(0.2, 1), steps) * rng.uniform(0.6, 5)
    return _blend(rng, picture, stroke((side, side), points, taper.tolist(), [1.0] * steps))


def _add_blobs(rng: Rng, picture: Field) -> Field:
    """Add spots, drops and stains with ragged edges."""
    side = picture.shape[0]
    rough = smooth_noise(rng, (side, side), (int(rng.integers(6, 40)),) * 2)
    rows, columns = np.indices((side, side), dtype=np.float32)
    cover = np.zeros((side, side), dtype=np.float32)
    for _ in range(int(rng.integers(1, 7))):
        radius = side * 0.015 * (1 - rng.random()) ** -0.9
        distance = np.hypot(rows - rng.uniform(0, side), columns - rng.uniform(0, side))
        cover = np.maximum(cover, np.clip((radius * (1 + 0.35 * rough) - distance) / rng.choice([1, 1, 6]), 0, 1))
    return _blend(rng, picture, cover)


def _add_text(rng: Rng, picture: Field) -> Field:
    side = picture.shape[0]
    canvas = Image.new("L", (side, side))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 5))):
        text = "".join(_GLYPHS[i] for i in rng.integers(0, len(_GLYPHS), int(rng.integers(1, 9))))
        font = ImageFont.load_default(size=float(rng.uniform(9, 90)))
        pen.text(tuple(rng.uniform(-0.1, 0.8, 2) * side), text, fill=255, font=font)
    turned = canvas.rotate(float(rng.choice([0, rng.uniform(0, 360)])), Image.Resampling.BILINEAR)
    return _blend(rng, picture, coverage(turned))


def _expose_scene(rng: Rng, picture: Field) -> NDArray[np.uint8]:
    """Apply uneven light, exposure and sensor noise."""
    side = picture.shape[0]
    light = 1 + rng.uniform(0, 0.3) * smooth_noise(rng, (side, side), (2, 3))
    exposed = np.clip(picture * light[..., None], 0, 1) ** rng.uniform(0.6, 1.7)
    noisy = exposed + rng.choice([0, 0.01, 0.03]) * rng.standard_normal(picture.shape, dtype=np.float32)
    levels: NDArray[np.uint8] = (np.clip(noisy, 0, 1) * 255 + 0.5).astype(np.uint8)
    return levels


_MARKS: list[Callable[[Rng, Field], Field]] = [_add_scratches, _add_lines, _add_blobs, _add_text]
