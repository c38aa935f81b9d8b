"""Alpha of zero everywhere: a fourth byte that the camera leaves empty, not an image of nothing."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode
from tests.vision.sample_images import encode, gradient


def bmp_with_alpha(image: Image.Image, alpha: int, header_size: int) -> io.BytesIO:
    """A 32-bit BMP with a V4 (108 bytes) or V5 header (124), masks for all four channels, and one alpha for all."""
    blue_first = np.dstack([np.asarray(image)[..., ::-1], np.full(image.size[::-1], alpha, np.uint8)])
    pixels = blue_first[::-1].tobytes()
    masks = struct.pack("<4I4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    info = struct.pack("<IiiHHIIiiII", header_size, *image.size, 1, 32, 3, len(pixels), 2835, 2835, 0, 0)
    head = (info + masks).ljust(header_size, b"\0")
    start = 14 + len(head)
    return io.BytesIO(b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + pixels)


def transparent_image(mode: str) -> Image.Image:
    """A gradient with alpha 0 everywhere."""
    image = gradient().convert("RGB").convert("L" if mode == "LA" else "RGB")
    image.putalpha(0)
    return image


@pytest.mark.parametrize("header_size", [108, 124])
def test_a_bmp_whose_fourth_bytes_are_empty_is_opaque(header_size: int) -> None:
    stream = bmp_with_alpha(gradient(), 0, header_size)

    assert Image.open(stream).mode == "RGBA"
    assert np.array_equal(decode(stream), np.asarray(gradient()))


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("RGBA", "TIFF", {}),
        ("LA", "TIFF", {}),
        ("RGBA", "WEBP", {"lossless": True, "exact": True}),
    ],
)
def test_alpha_of_zero_everywhere_is_opaque(mode: str, name: str, options: dict[str, bool]) -> None:
    image = transparent_image(mode)
    opaque = image.convert("LA" if mode == "LA" else "RGBA").convert("RGB")

    assert np.array_equal(decode(encode(image, name, **options)), np.asarray(opaque))


def test_a_bmp_with_one_opaque_pixel_is_transparent_elsewhere() -> None:
    content = bytearray(bmp_with_alpha(gradient(), 0, 108).getvalue())
    content[-1] = 255

    pixels = decode(io.BytesIO(bytes(content)))

    assert pixels[-1, 0].tolist() == [128, 128, 128]
    assert pixels[0, -1].tolist() == np.asarray(gradient())[0, -1].tolist()
