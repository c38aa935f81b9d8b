"""Facts about an image file that need no pixels, or few files' pixels: transparency, and the bits its values need."""

from __future__ import annotations

import sys
from pathlib import Path

from mltasks.vision.data.bit_depths import detect_wide_format
from mltasks.vision.data.decoding import load
from mltasks.vision.data.image_header import DEFAULT_LIMITS, Limits, open_single_frame
from mltasks.vision.data.pixel_layouts import ALPHA_MODES


def is_transparent(path: Path) -> bool:
    """Return True if the file has a channel or a color for transparency, read from its header. Raises as ``load``."""
    with path.open("rb") as stream, open_single_frame(stream, Limits(max_pixels=sys.maxsize)) as image:
        return image.mode in ALPHA_MODES or "transparency" in image.info


def needed_bit_depth(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> int | None:
    """Return the bits that the values of a 16-bit file need if the file states none; None for other files. Raises as
    ``load``."""
    needed: list[int] = []

    def note(depth: int) -> int:
        needed.append(depth)
        return depth

    with path.open("rb") as stream:
        with open_single_frame(stream, limits) as image:
            if detect_wide_format(image, stream) is None:
                return None
        load(stream, limits=limits, bit_depth=note)
    return needed[0] if needed else None
