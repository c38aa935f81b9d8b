"""Images to post and to train on: a line's mix of drawn parts, as crops and as whole frames of a camera.

Nearly all parts of a line are good. No posted part is in the training set: their seeds differ. Half of the
training set looks like the part of a frame, since one version scores both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mltasks.vision.drawing.draw_part import DrawnPart
from mltasks.vision.drawing.line import labeled_set, write_image_folder

CROP_SIZE, FRAME_SIZE = (360, 665), (4000, 3000)
# Different images, so that no cache of contents helps.
CROP_COUNT, FRAME_COUNT = 200, 12
DEFECTIVE_SHARE = 0.05
# Seeds of `labeled_set`, and labeled good, scratched and excess parts;
# below 200 labels no probability is close to 0, and most parts go to review.
LINE_SEED, TRAINING_SEED, TRAINING_COUNTS = 77, 5, (300, 75, 75)
# The certificate of a fast path needs 299 held-out parts that the full model does not pass, of 60 % of all parts.
FAST_PATH_SEED, FAST_PATH_COUNTS = 191, (1200, 450, 450)
JPEG_QUALITY = 92
# Height of the part in a frame; the rest is the table below it.
_HEIGHT = round(FRAME_SIZE[1] * 0.8)
_WIDTH = round(_HEIGHT * CROP_SIZE[0] / CROP_SIZE[1])
# Position of the part in a frame: left, top, width, height.
PART_BOX = ((FRAME_SIZE[0] - _WIDTH) // 2, (FRAME_SIZE[1] - _HEIGHT) // 2, _WIDTH, _HEIGHT)
# The station's region of interest begins this many pixels inside the part: no training image has the table beside it.
MARGIN = 12
REGION = (PART_BOX[0] + MARGIN, PART_BOX[1] + MARGIN, PART_BOX[2] - 2 * MARGIN, PART_BOX[3] - 2 * MARGIN)
TABLE_GRAY, NOISE_DEVIATION = 96, 6


def draw_crops(folder: Path) -> list[Path]:
    """Write CROP_COUNT parts of the line as JPEG of 360 × 665 pixels."""
    return _save_line(folder, "crop", CROP_COUNT, _crop)


def draw_frames(folder: Path) -> list[Path]:
    """Write FRAME_COUNT frames of 4000 × 3000 with a part in the middle and sensor noise, as JPEG."""
    return _save_line(folder, "frame", FRAME_COUNT, _draw_frame)


def write_training_set(folder: Path) -> None:
    """Write labeled parts into one folder a kind (``good/``, ``scratch/``, …)."""
    draws = itertools.cycle([_crop, _draw_frame_part])
    drawn = labeled_set(TRAINING_SEED, *TRAINING_COUNTS)
    write_image_folder(folder, (replace(part, image=draw(part)) for part, draw in zip(drawn, draws, strict=False)))


def write_fast_path_set(folder: Path) -> None:
    """Write labeled crops to learn a fast path from, as ``write_training_set``.

    Without parts of frames, whose maps differ: beside them a screening network passes half as many crops.
    """
    drawn = labeled_set(FAST_PATH_SEED, *FAST_PATH_COUNTS)
    write_image_folder(folder, (replace(part, image=_crop(part)) for part in drawn))


def _save_line(folder: Path, name: str, count: int, draw: Callable[[DrawnPart], Image.Image]) -> list[Path]:
    return [_save(draw(part), folder, f"{name}-{number:03d}") for number, part in enumerate(_draw_line(count))]


def _draw_line(count: int) -> list[DrawnPart]:
    """Return parts with the DEFECTIVE_SHARE, at least one, at random places."""
    defective = max(1, round(DEFECTIVE_SHARE * count))
    drawn = labeled_set(LINE_SEED, good=count - defective, scratch=(defective + 1) // 2, excess=defective // 2)
    return [drawn[number] for number in np.random.default_rng(LINE_SEED).permutation(count)]


def _crop(part: DrawnPart) -> Image.Image:
    return part.image.convert("RGB").resize(CROP_SIZE, Image.Resampling.BICUBIC)


def _draw_frame(part: DrawnPart) -> Image.Image:
    frame = Image.new("RGB", FRAME_SIZE, (TABLE_GRAY, TABLE_GRAY, TABLE_GRAY))
    frame.paste(part.image.convert("RGB").resize(PART_BOX[2:], Image.Resampling.BICUBIC), PART_BOX[:2])
    return _add_noise(frame, part.seed)


def _draw_frame_part(part: DrawnPart) -> Image.Image:
    """Draw what a station's region has of the part in a frame."""
    image = part.image.convert("RGB").resize(PART_BOX[2:], Image.Resampling.BICUBIC)
    return _add_noise(image.crop((MARGIN, MARGIN, PART_BOX[2] - MARGIN, PART_BOX[3] - MARGIN)), part.seed)


def _add_noise(image: Image.Image, seed: int) -> Image.Image:
    pixels = np.asarray(image, np.int16)
    noise = np.random.default_rng(seed).normal(0, NOISE_DEVIATION, (*pixels.shape[:2], 1))
    return Image.fromarray(np.clip(pixels + noise.astype(np.int16), 0, 255).astype(np.uint8))


def _save(image: Image.Image, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jpg"
    image.save(path, "JPEG", quality=JPEG_QUALITY)
    return path
