"""Small image files for tests, drawn here."""

from __future__ import annotations

import io
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def gradient(width: int = 60, height: int = 40) -> Image.Image:
    """RGB: red grows to the right, green downwards, blue is constant."""
    x = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([x, y, np.full_like(x, 90)], -1).astype(np.uint8))


def encode(image: Image.Image, name: str, **options: Any) -> io.BytesIO:
    """The image as a file of format ``name`` in memory."""
    out = io.BytesIO()
    image.save(out, name, **options)
    out.seek(0)
    return out


def make_png(width: int, height: int) -> io.BytesIO:
    """A tiny PNG file that claims any size; its pixels are one compressed run of zeros."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def with_preview(image: Image.Image, preview: Image.Image, kind: int = 0x010001) -> io.BytesIO:
    """A camera's JPEG: the picture, and behind it a preview that the file's own index calls a large thumbnail, or
    another ``kind`` of frame."""
    out = io.BytesIO()
    image.save(out, "MPO", save_all=True, append_images=[preview])
    content = bytearray(out.getvalue())
    # The index (tag B002) has 16 bytes for each frame, which begin with its kind.
    start = content.index(b"MPF\0") + 4
    tag = content.index(b"\x02\xb0\x07\x00", start)
    second = start + int.from_bytes(content[tag + 8 : tag + 12], "little") + 16
    content[second : second + 4] = kind.to_bytes(4, "little")
    return io.BytesIO(bytes(content))


def svg_text(path: Path) -> str:
    """All text of an SVG; parsing fails when it is no XML."""
    return " ".join(text for text in ElementTree.parse(path).getroot().itertext() if text.strip())  # noqa: S314 - ours
