"""What is posted: crops as a station with a region of interest cuts them, and whole frames of a camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from mltasks.vision.drawing.line import labeled_set
from mltasks.vision.drawing.plates import DrawnPart

CROP, FRAME = (360, 665), (4000, 3000)
CROPS, FRAMES = 24, 6
# The part's height in a frame; the rest is the table that it lies on.
WITHIN = 0.8
TABLE, NOISE = 96, 6


def crops(folder: Path) -> list[Path]:
    """Drawn parts of 360 × 665 pixels as JPEG."""
    return [_saved(part.image.resize(CROP), folder, f"crop-{number}") for number, part in enumerate(_drawn(CROPS))]


def frames(folder: Path) -> list[Path]:
    """Frames of 4000 × 3000 with a part in the middle and a sensor's noise, as JPEG."""
    return [_saved(_frame(part, number), folder, f"frame-{number}") for number, part in enumerate(_drawn(FRAMES))]


def _drawn(number: int) -> list[DrawnPart]:
    half = number // 2
    return labeled_set(77, good=half, scratch=half // 2, excess=number - half - half // 2)


def _frame(part: DrawnPart, number: int) -> Image.Image:
    frame = Image.new("RGB", FRAME, (TABLE, TABLE, TABLE))
    height = round(FRAME[1] * WITHIN)
    whole = part.image.convert("RGB").resize((round(height * CROP[0] / CROP[1]), height), Image.Resampling.BICUBIC)
    frame.paste(whole, ((FRAME[0] - whole.width) // 2, (FRAME[1] - height) // 2))
    pixels = np.asarray(frame, np.int16)
    noise = np.random.default_rng(number).normal(0, NOISE, (FRAME[1], FRAME[0], 1))
    return Image.fromarray(np.clip(pixels + noise.astype(np.int16), 0, 255).astype(np.uint8))


def _saved(image: Image.Image, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jpg"
    image.convert("RGB").save(path, "JPEG", quality=90)
    return path
