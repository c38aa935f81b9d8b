"""Image files of every kind that a station may send, good and bad."""

from __future__ import annotations

import io
import random
import struct
import zlib
from contextlib import suppress
from functools import cache

import numpy as np
from PIL import Image

from mltasks.vision.data.decoding import load
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.plates import PartKind


@cache
def drawn_part(seed: int = 1, kind: PartKind = PartKind.GOOD) -> Image.Image:
    """A part of the demo's line."""
    return draw_part(kind, seed).image


def encode(image: Image.Image, image_format: str, **options: object) -> bytes:
    """The image as a file."""
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def jpeg(seed: int = 1, kind: PartKind = PartKind.GOOD) -> bytes:
    """A part as JPEG; another seed gives other bytes."""
    return encode(drawn_part(seed, kind), "JPEG", quality=90)


def cut_jpeg() -> bytes:
    """The first half of a JPEG."""
    whole = jpeg()
    return whole[: len(whole) // 2]


def short_jpeg() -> bytes:
    """Nine tenths of a JPEG's scan, with an end marker."""
    whole = jpeg()
    start = whole.index(b"\xff\xda")
    return whole[: start + int((len(whole) - start) * 0.9)] + b"\xff\xd9"


@cache
def damaged_jpeg() -> bytes:
    """A JPEG with three bytes of its scan inverted in a way that a decoder notices."""
    whole = jpeg()
    start = whole.index(b"\xff\xda") + 20
    for seed in range(100):
        generator, changed = random.Random(seed), bytearray(whole)
        for _ in range(3):
            changed[generator.randrange(start, len(changed) - 2)] ^= 0xFF
        with suppress(ImageError):
            if load(io.BytesIO(changed)).damage:
                return bytes(changed)
    raise AssertionError("No decoder noticed any of the changes.")


def damaged_png() -> bytes:
    """A PNG as long as it should be, with a hole in it."""
    whole = encode(drawn_part(), "PNG")
    return whole[:60] + b"\0" * 40 + whole[100:]


def huge_png() -> bytes:
    """88 megapixels of one colour in about 10 KB (palette, one bit a pixel)."""
    width, height = 11000, 8000

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(b"\0" * ((width // 8 + 1) * height), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def mpo() -> bytes:
    """A JPEG with a second picture in it."""
    return encode(drawn_part(1), "MPO", save_all=True, append_images=[drawn_part(2)])


def animated_png() -> bytes:
    """A PNG of two frames."""
    return encode(drawn_part(1), "PNG", save_all=True, append_images=[drawn_part(2)])


def animated_gif() -> bytes:
    """A format that is not taken at all."""
    return encode(drawn_part(1), "GIF")


def noise(side: int) -> bytes:
    """A BMP of about 3 · side² bytes."""
    pixels = np.random.default_rng(3).integers(0, 255, (side, side, 3), np.uint8)
    return encode(Image.fromarray(pixels), "BMP")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
