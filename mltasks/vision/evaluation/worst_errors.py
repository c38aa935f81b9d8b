"""Images of the worst errors: plain, with heatmaps, and together on a contact sheet."""

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

IMAGE_SIDE = 320
CELL_SIDE, CAPTION_HEIGHT, GAP, COLUMNS = 220, 54, 14, 4
PANEL, INK, FAIL_INK, PASS_INK = "#171b21", "#e8ebef", "#ff8a3d", "#3fc79d"


def write_error_images(folder: Path, errors: Sequence[Prediction]) -> None:
    """Write ``01.jpg``, ``02.jpg``, … of at most 320 pixels a side, in the order of the errors."""
    folder.mkdir()
    for number, error in enumerate(errors, start=1):
        _error_image(error).save(folder / error_image_name(number), quality=88)


def write_error_heatmaps(folder: Path, errors: Sequence[Prediction], scorer: Scorer) -> None:
    """Write ``01-map.jpg``, ``02-map.jpg``, …: the same images under the version's heatmaps.

    In a cross-validation this version trained on these parts, unlike the fold's version that erred.
    """
    for number, error in enumerate(errors, start=1):
        _error_heatmap(error, scorer).save(folder / error_heatmap_name(number), quality=88)


def error_heatmap_name(number: int) -> str:
    """Return the heatmap file name of the ``number``-th worst error."""
    return error_image_name(number).replace(".jpg", "-map.jpg")


def error_image_name(number: int) -> str:
    """Return the image file name of the ``number``-th worst error, counted from 1."""
    return f"{number:02}.jpg"


def write_contact_sheet(path: Path, errors: Sequence[Prediction]) -> None:
    """Write all errors on one JPEG, four a row, each with name, label and probability."""
    rows = -(-len(errors) // COLUMNS)
    columns = min(COLUMNS, len(errors))
    sheet = Image.new(
        "RGB", (columns * (CELL_SIDE + GAP) + GAP, rows * (CELL_SIDE + CAPTION_HEIGHT + GAP) + GAP), PANEL
    )
    draw = ImageDraw.Draw(sheet)
    for number, error in enumerate(errors):
        left = GAP + number % COLUMNS * (CELL_SIDE + GAP)
        top = GAP + number // COLUMNS * (CELL_SIDE + CAPTION_HEIGHT + GAP)
        picture = _error_image(error)
        picture.thumbnail((CELL_SIDE, CELL_SIDE), Image.Resampling.BILINEAR)
        sheet.paste(picture, (left + (CELL_SIDE - picture.width) // 2, top + (CELL_SIDE - picture.height) // 2))
        _caption(draw, error, left, top + CELL_SIDE + 6)
    sheet.save(path, quality=90)


def _caption(draw: ImageDraw.ImageDraw, prediction: Prediction, left: int, top: int) -> None:
    font = ImageFont.load_default(13)
    defective = prediction.target == DEFECT
    truth = (prediction.defect_type or "defective") if defective else "good"
    text = f"{'missed' if defective else 'false alarm'}: {truth}, p={prediction.probability:.2f}"
    draw.text((left, top), _shortened(draw, prediction.name, font), fill=INK, font=font)
    draw.text((left, top + 19), _shortened(draw, text, font), fill=FAIL_INK if defective else PASS_INK, font=font)


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Shorten a text at its start: names of one batch begin alike."""
    shortened = text
    while text and draw.textlength(shortened, font=font) > CELL_SIDE:
        text = text[1:]
        shortened = f"…{text}"
    return shortened


def _error_heatmap(prediction: Prediction, scorer: Scorer) -> Image.Image:
    size = scorer.input_size
    image = load(prediction.path, roi=prediction.roi, size=size, bit_depth=prediction.bit_depth)
    maps = scorer.maps(image.to_array(size)).crop_to(image.placement(size), size)
    return Image.open(io.BytesIO(render_heatmap(np.asarray(_error_image(prediction)), maps)))


def _error_image(prediction: Prediction) -> Image.Image:
    loaded = load(
        prediction.path, roi=prediction.roi, size=InputSize(IMAGE_SIDE, IMAGE_SIDE), bit_depth=prediction.bit_depth
    )
    picture = Image.fromarray(loaded.to_array())
    picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BILINEAR)
    return picture
