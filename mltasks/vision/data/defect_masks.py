"""Masks of defects: pictures of the upright image's size whose pixels above black are the defect.

Stored masks have one form, a grayscale PNG of 0 and 255, whatever a plant's tool wrote.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mltasks.vision.data.image_header import DEFAULT_LIMITS, ImageError, Limits, detect_format, open_single_frame
from mltasks.vision.data.pixel_layouts import ALPHA_MODES

MASK_FORMAT = "PNG"


def read_mask(stream: BinaryIO, size: tuple[int, int], limits: Limits = DEFAULT_LIMITS) -> bytes:
    """Return the mask in its stored form; empty if it is black everywhere.

    ``size`` is width and height of the upright image. Transparent pixels are black. Raises ImageError for a file that
    is no readable PNG, and ``invalid_image`` for another size.
    """
    if detect_format(stream) != MASK_FORMAT:
        raise ImageError("unsupported_format", "A mask is a PNG file. Export it as PNG.")
    with open_single_frame(stream, limits) as image:
        if image.size != size:
            raise ImageError(
                "invalid_image",
                f"The mask has {image.width} × {image.height} pixels, but its image has {size[0]} × {size[1]}.",
            )
        image.load()
        defect = _defect_pixels(image)
    return _encode(defect) if defect.any() else b""


def _defect_pixels(image: Image.Image) -> NDArray[np.bool_]:
    """Return True where a pixel is neither black nor transparent."""
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        layered = np.asarray(image.convert("RGBA"))
        return layered[..., :3].any(axis=2) & (layered[..., 3] > 0)
    pixels = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return np.asarray(pixels if pixels.ndim == 2 else pixels.any(axis=2), dtype=np.bool_)


def _encode(defect: NDArray[np.bool_]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(defect.astype(np.uint8) * 255).save(out, MASK_FORMAT)
    return out.getvalue()
