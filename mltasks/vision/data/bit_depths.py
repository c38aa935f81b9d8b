"""Bit depth of 16-bit images: the bits a camera uses, and scaling of the values to 8 bits.

Cameras of 10, 12 and 14 bits write 16-bit files whose top bits are empty. TIFF and PNG may state the depth. If a file
states none, the caller decides from the camera's images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Maps the depth that an image's values need to the depth to use
ResolveBitDepth = Callable[[int], int]
Values = NDArray[np.uint16]

FULL_DEPTH = 16
# Depths of cameras; the smallest that holds all values is chosen.
CAMERA_DEPTHS = (10, 12, 14, FULL_DEPTH)
MIN_DEPTH = 8
# Raw modes of color images whose high bytes alone Pillow reads, and the raw modes that read the low bytes
LOW_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGBX;16B": "RGBX;16L",
    "RGBX;16L": "RGBX;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    # Native byte order, as libtiff returns it; little-endian on all supported machines
    "RGB;16N": "RGB;16B",
    "RGBA;16N": "RGBA;16B",
    "RGBX;16N": "RGBX;16B",
}
# Gray with alpha: four bytes a pixel, which RGBA reads unchanged
GRAY_ALPHA, FOUR_BYTES = "LA;16B", "RGBA"
SAMPLE_BITS, PHOTOMETRIC, MAX_SAMPLE_VALUE = 258, 262, 281  # TIFF 6.0, section 8 and 22
WHITE_IS_ZERO = 0
PNG_SIGNATURE_BYTES = 8
CHUNK_VALUES = 1 << 18  # values


class WideFormat(NamedTuple):
    """Format of a 16-bit file: its stated bit depth (or None) and Pillow's raw mode.

    ``white_is_zero``: Pillow inverts such TIFFs of 8 bits, but not those of 16 bits.
    """

    stated_depth: int | None
    raw_mode: str
    white_is_zero: bool = False


def detect_wide_format(image: Image.Image, stream: BinaryIO) -> WideFormat | None:
    """Return the format of an opened file of 16-bit values before its pixels are read, or None."""
    raw_mode = _raw_mode(image)
    if not (image.mode.startswith("I;16") or raw_mode in LOW_BYTES or raw_mode == GRAY_ALPHA):
        return None
    if image.format == "PNG":
        return WideFormat(_stated_by_png(stream), raw_mode)
    tags = getattr(image, "tag_v2", {})
    return WideFormat(_stated_by_tiff(tags), raw_mode, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)


def resolve_depth(image: Image.Image, wide: WideFormat, requested: int | ResolveBitDepth | None) -> int:
    """Return the bit depth by which to read a loaded image.

    1. A ``requested`` number counts.
    2. Else the depth that the file states counts if the values fit.
    3. Else the values' need counts, which a ``requested`` function may widen. Without a function, all 16 bits count.
    """
    if isinstance(requested, int):
        return requested
    peak = _peak(image)
    if wide.stated_depth is not None and peak < 1 << wide.stated_depth:
        return wide.stated_depth
    return requested(_required_depth(peak)) if requested else FULL_DEPTH


def to_8_bits(
    image: Image.Image, wide: WideFormat, depth: int, decode_raw: Callable[[str], Image.Image]
) -> Image.Image:
    """Scale the loaded image to 8 bits a channel; the depth's largest value becomes 255.

    ``decode_raw`` decodes the file again with another raw mode.
    """
    if image.mode.startswith("I;16"):
        small = _scaled(np.asarray(image), depth)
        return Image.fromarray(255 - small if wide.white_is_zero else small)
    if depth >= FULL_DEPTH:
        return image
    if wide.raw_mode == GRAY_ALPHA:
        four = np.asarray(decode_raw(FOUR_BYTES)).astype(np.uint16)
        high_bytes, low_bytes = four[..., [0, 2]], four[..., [1, 3]]
    else:
        high_bytes = np.asarray(image).astype(np.uint16)
        low_bytes = np.asarray(decode_raw(LOW_BYTES[wide.raw_mode])).astype(np.uint16)
    values: Values = (high_bytes << 8 | low_bytes).astype(np.uint16)
    return Image.fromarray(_scaled_channels(values, depth))


def with_raw_mode(image: Image.Image, raw_mode: str) -> Image.Image:
    """Set the opened image to decode by another raw mode with as many bytes, and return it."""
    opened: Any = image
    opened.tile = [
        tile._replace(args=raw_mode if isinstance(tile.args, str) else (raw_mode, *tile.args[1:]))
        for tile in opened.tile
    ]
    return image


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", [])
    args = tiles[0].args if tiles else ""
    return str(args if isinstance(args, str) or not args else args[0])


def _peak(image: Image.Image) -> int:
    """Return the largest value of the color channels.

    The low byte of color images is unknown and taken as 255.
    """
    if image.mode.startswith("I;16"):
        return int(np.asarray(image).max())
    extrema: Any = image.getextrema()
    return max(int(highest) for _, highest in extrema[:3]) << 8 | 0xFF


def _required_depth(peak: int) -> int:
    return next(depth for depth in CAMERA_DEPTHS if peak < 1 << depth)


def _scaled(values: NDArray[Any], depth: int) -> NDArray[np.uint8]:
    full_scale = (1 << depth) - 1
    small = np.empty(values.shape, np.uint8)
    # Blocks fit the processor's cache: three times as fast, without four copies of a large image.
    rows = max(1, CHUNK_VALUES // max(1, values[0].size))
    for start in range(0, len(values), rows):
        wide = np.minimum(values[start : start + rows].astype(np.uint32), full_scale)
        small[start : start + rows] = wide * 255 // full_scale
    return small


def _scaled_channels(values: Values, depth: int) -> NDArray[np.uint8]:
    """Scale color by its depth, and alpha by 16 bits if alpha exceeds that depth."""
    small = _scaled(values, depth)
    if values.shape[-1] in (2, 4) and values[..., -1].max() >= 1 << depth:
        small[..., -1] = _scaled(values[..., -1], FULL_DEPTH)
    return small


def _stated_by_tiff(tags: Any) -> int | None:
    bits = min(_numbers(tags.get(SAMPLE_BITS)), default=FULL_DEPTH)
    if bits < FULL_DEPTH:
        return max(MIN_DEPTH, bits)
    peak = max(_numbers(tags.get(MAX_SAMPLE_VALUE)), default=0)
    if not 0 < peak < (1 << FULL_DEPTH) - 1:
        return None
    # Some programs write the image's largest value: the camera has at least that many bits.
    exact = peak.bit_length() if peak & (peak + 1) == 0 else _required_depth(peak)
    return max(MIN_DEPTH, exact)


def _numbers(value: Any) -> tuple[int, ...]:
    values = value if isinstance(value, tuple) else (value,)
    return tuple(int(number) for number in values if isinstance(number, int | float))


def _stated_by_png(stream: BinaryIO) -> int | None:
    """Read the significant bits from the chunk sBIT (PNG 3rd edition, 11.3.2.4)."""
    place = stream.tell()
    try:
        stream.seek(PNG_SIGNATURE_BYTES)
        while len(head := stream.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"sBIT":
                # The last of two or four channels is alpha.
                bits = stream.read(length)[: {2: 1, 4: 3}.get(length, 3)]
                return max(MIN_DEPTH, *bits) if bits and max(bits) < FULL_DEPTH else None
            stream.seek(length + 4, 1)
    finally:
        stream.seek(place)
    return None
