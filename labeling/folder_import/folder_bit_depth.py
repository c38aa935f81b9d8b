"""Bit depth of a folder's 16-bit images, chosen once before the first is imported."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from mltasks.vision.data.bit_depths import FULL_DEPTH
from mltasks.vision.data.image_facts import needed_bit_depth
from mltasks.vision.data.image_header import ImageError, Limits


def determine_bit_depth(paths: Iterable[Path]) -> int:
    """Return the bits of 16-bit images whose files state none; 0 without such images.

    Reads the pixels of such images only. Unreadable files are skipped here; the import reports them.
    """
    limits = Limits(max_pixels=settings.MAX_IMAGE_PIXELS)
    bits = 0
    for path in paths:
        with suppress(ImageError, OSError):
            bits = max(bits, needed_bit_depth(path, limits=limits) or 0)
        if bits == FULL_DEPTH:
            break
    return bits
