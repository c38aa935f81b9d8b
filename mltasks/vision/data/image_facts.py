"""Facts about an image file: transparency and needed bit depth."""

from __future__ import annotations

import sys
from pathlib import Path

from mltasks.vision.data.bit_depths import detect_wide_format
from mltasks.vision.data.decoding import load
from mltasks.vision.data.image_header import DEFAULT_LIMITS, Limits, open_single_frame
from mltasks.vision.data.pixel_layouts import ALPHA_MODES


def is_transparent(path: Path) -> bool:
    """Return True if the file's header declares transparency. Raises as ``load``."""
    with path.open("rb") as stream, open_single_frame(stream, Limits(max_pixels=sys.maxsize)) as image:
        return image.mode in ALPHA_MODES or "transparency" in image.info


def needed_bit_depth(path: Path, *, limits: Limits = DEFAULT_LIMITS) -> int | None:
    """Return the bits that a 16-bit file's values need if the file states none, else None.

    None for files of other depths, too. Raises as ``load``.
    """
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
