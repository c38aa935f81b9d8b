"""Images to post: crops as cut by a region of interest, and whole frames of a camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mltasks.vision.drawing.draw_part import DrawnPart
from mltasks.vision.drawing.line import labeled_set

CROP_SIZE, FRAME_SIZE = (360, 665), (4000, 3000)
CROP_COUNT, FRAME_COUNT = 24, 6
# Height of the part in a frame; the rest is the table below it.
_HEIGHT = round(FRAME_SIZE[1] * 0.8)
_WIDTH = round(_HEIGHT * CROP_SIZE[0] / CROP_SIZE[1])
# Position of the part in a frame: left, top, width, height.
PART_BOX = ((FRAME_SIZE[0] - _WIDTH) // 2, (FRAME_SIZE[1] - _HEIGHT) // 2, _WIDTH, _HEIGHT)
TABLE_GRAY, NOISE_DEVIATION = 96, 6


def draw_crops(folder: Path) -> list[Path]:
    """Write drawn parts of 360 × 665 pixels as JPEG."""
    return [
        _save(part.image.resize(CROP_SIZE), folder, f"crop-{number}")
        for number, part in enumerate(_draw_parts(CROP_COUNT))
    ]


def draw_frames(folder: Path) -> list[Path]:
    """Write frames of 4000 × 3000 with a part in the middle and sensor noise, as JPEG."""
    return [
        _save(_draw_frame(part, number), folder, f"frame-{number}")
        for number, part in enumerate(_draw_parts(FRAME_COUNT))
    ]


def _draw_parts(number: int) -> list[DrawnPart]:
    half = number // 2
    return labeled_set(77, good=half, scratch=half // 2, excess=number - half - half // 2)


def _draw_frame(part: DrawnPart, number: int) -> Image.Image:
    frame = Image.new("RGB", FRAME_SIZE, (TABLE_GRAY, TABLE_GRAY, TABLE_GRAY))
    frame.paste(part.image.convert("RGB").resize(PART_BOX[2:], Image.Resampling.BICUBIC), PART_BOX[:2])
    pixels = np.asarray(frame, np.int16)
    noise = np.random.default_rng(number).normal(0, NOISE_DEVIATION, (FRAME_SIZE[1], FRAME_SIZE[0], 1))
    return Image.fromarray(np.clip(pixels + noise.astype(np.int16), 0, 255).astype(np.uint8))


def _save(image: Image.Image, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jpg"
    image.convert("RGB").save(path, "JPEG", quality=90)
    return path
