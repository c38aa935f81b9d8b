"""Masks of defects: pictures of the upright image's size whose pixels above black are the defect.

Stored masks have one form, a grayscale PNG of 0 and 255, whatever a plant's tool wrote. ``decoding.decode`` with the
image's region and size gives the mask in a network's input, pixel for pixel over the image.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mltasks.vision.data.image_header import DEFAULT_LIMITS, ImageError, Limits, detect_format, open_single_frame
from mltasks.vision.data.pixel_layouts import ALPHA_MODES
from mltasks.vision.types import Mark, Roi

MASK_FORMAT = "PNG"
Mask = NDArray[np.bool_]


def normalize_mask(stream: BinaryIO, size: tuple[int, int], limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the mask in its stored form; empty if it is black everywhere. Raises ImageError as ``read_mask`` does."""
    mask = read_mask(stream, size, limits)
    return _encode(mask) if mask.any() else b""


def read_mask(stream: BinaryIO, size: tuple[int, int] | None = None, limits: Limits = DEFAULT_LIMITS) -> Mask:
    """Return True where a pixel is neither black nor transparent, ``[height, width]``.

    ``size`` is width and height of the upright image; None takes any size. Raises ImageError for a file that is no
    readable PNG, and ``invalid_image`` for another size.
    """
    if detect_format(stream) != MASK_FORMAT:
        raise ImageError("unsupported_format", "A mask is a PNG file. Export it as PNG.")
    with open_single_frame(stream, limits) as image:
        if size is not None and image.size != size:
            raise ImageError(
                "invalid_image",
                f"The mask has {image.width} × {image.height} pixels, but its image has {size[0]} × {size[1]}.",
            )
        image.load()
        return _defect_pixels(image)


def mark_in_region(mark: Mark, roi: Roi | None, width: int, height: int) -> Mark | None:
    """Return the mark in shares of the region of interest, cut at its edges; None if the mark lies outside.

    ``width`` and ``height`` are those of the upright whole image, as in ``LoadedImage``.
    """
    if roi is None:
        return mark
    left, right = _cut(mark.left, mark.width, width, roi.x, min(roi.width, width - roi.x))
    top, bottom = _cut(mark.top, mark.height, height, roi.y, min(roi.height, height - roi.y))
    return Mark(left, top, right - left, bottom - top) if left <= right and top <= bottom else None


def _cut(start: float, length: float, side: int, edge: int, span: int) -> tuple[float, float]:
    """Return start and end on one axis in shares of the region, from shares of the image's side in pixels."""
    first, last = ((share * side - edge) / span for share in (start, start + length))
    return max(0.0, first), min(1.0, last)


def _defect_pixels(image: Image.Image) -> Mask:
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        layered = np.asarray(image.convert("RGBA"))
        return layered[..., :3].any(axis=2) & (layered[..., 3] > 0)
    pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return np.asarray(pixels if pixels.ndim == 2 else pixels.any(axis=2), dtype=np.bool_)


def _encode(defect: Mask) -> bytes:
    out = io.BytesIO()
    Image.fromarray(defect.astype(np.uint8) * 255).save(out, MASK_FORMAT)
    return out.getvalue()
