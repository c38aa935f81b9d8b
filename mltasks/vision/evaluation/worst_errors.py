"""The worst mistakes as pictures: each alone and under the version's maps, and all on one sheet with their captions."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mltasks.vision.data.decoding import load
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.serving.heatmaps import render_heatmap
from mltasks.vision.serving.scorer import Scorer
from mltasks.vision.types import DEFECT, InputSize

SIDE = 320
CELL, CAPTION, GAP, COLUMNS = 220, 54, 14, 4
PANEL, INK, FAIL_INK, PASS_INK = "#171b21", "#e8ebef", "#ff8a3d", "#3fc79d"


def write_pictures(folder: Path, mistakes: Sequence[Prediction]) -> None:
    """Write ``01.jpg``, ``02.jpg``, … of at most 320 pixels a side, in the order of the mistakes."""
    folder.mkdir()
    for number, one in enumerate(mistakes, start=1):
        _picture(one).save(folder / picture_name(number), quality=88)


def write_maps(folder: Path, mistakes: Sequence[Prediction], scorer: Scorer) -> None:
    """Write ``01-map.jpg``, ``02-map.jpg``, … beside the pictures, as large: the same under the version's own evidence
    and anomaly maps. In a cross-validation that version has learned from these parts, unlike the one that erred."""
    for number, one in enumerate(mistakes, start=1):
        _mapped(one, scorer).save(folder / map_name(number), quality=88)


def map_name(number: int) -> str:
    """The file of the ``number``-th worst mistake under its maps."""
    return picture_name(number).replace(".jpg", "-map.jpg")


def picture_name(number: int) -> str:
    """The file of the ``number``-th worst mistake, counted from 1."""
    return f"{number:02}.jpg"


def write_sheet(path: Path, mistakes: Sequence[Prediction]) -> None:
    """Write all of them on one JPEG, four a row, each with its name, its truth and what the version said."""
    rows = -(-len(mistakes) // COLUMNS)
    columns = min(COLUMNS, len(mistakes))
    sheet = Image.new("RGB", (columns * (CELL + GAP) + GAP, rows * (CELL + CAPTION + GAP) + GAP), PANEL)
    draw = ImageDraw.Draw(sheet)
    for number, one in enumerate(mistakes):
        left = GAP + number % COLUMNS * (CELL + GAP)
        top = GAP + number // COLUMNS * (CELL + CAPTION + GAP)
        picture = _picture(one)
        picture.thumbnail((CELL, CELL), Image.Resampling.BILINEAR)
        sheet.paste(picture, (left + (CELL - picture.width) // 2, top + (CELL - picture.height) // 2))
        _caption(draw, one, left, top + CELL + 6)
    sheet.save(path, quality=90)


def _caption(draw: ImageDraw.ImageDraw, one: Prediction, left: int, top: int) -> None:
    font = ImageFont.load_default(13)
    defective = one.target == DEFECT
    truth = (one.defect_type or "defective") if defective else "good"
    said = f"missed: {truth}, p={one.probability:.2f}" if defective else f"false alarm: good, p={one.probability:.2f}"
    draw.text((left, top), _shortened(draw, one.name, font), fill=INK, font=font)
    draw.text((left, top + 19), _shortened(draw, said, font), fill=FAIL_INK if defective else PASS_INK, font=font)


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The end is kept: names of one batch begin alike."""
    if draw.textlength(text, font=font) <= CELL:
        return text
    while text and draw.textlength("…" + text, font=font) > CELL:
        text = text[1:]
    return "…" + text


def _mapped(one: Prediction, scorer: Scorer) -> Image.Image:
    size = scorer.input_size
    seen = load(one.path, roi=one.roi, size=size, bit_depth=one.bit_depth)
    maps = scorer.maps(seen.array(size)).within(seen.placement(size), size)
    return Image.open(io.BytesIO(render_heatmap(np.asarray(_picture(one)), maps)))


def _picture(one: Prediction) -> Image.Image:
    loaded = load(one.path, roi=one.roi, size=InputSize(SIDE, SIDE), bit_depth=one.bit_depth)
    picture = Image.fromarray(loaded.array())
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return picture
