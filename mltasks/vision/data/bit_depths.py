"""Bits that a camera uses of each 16-bit value, and 16-bit pixels scaled to 8 bits by them.

Cameras of 10, 12 and 14 bits write 16-bit files whose top bits are empty. TIFF and PNG may state the range; where a
file states none, the caller, which knows the images of the camera, settles it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Bit depth of an image for the depth that its values need
ResolveBitDepth = Callable[[int], int]
Values = NDArray[np.uint16]

FULL_DEPTH = 16
# Depths of cameras; a depth is settled to the smallest that holds what came.
CAMERA_DEPTHS = (10, 12, 14, FULL_DEPTH)
MIN_DEPTH = 8
# Raw modes of color images that Pillow reads as the high bytes alone, with the raw modes that give it the low bytes.
LOW_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGBX;16B": "RGBX;16L",
    "RGBX;16L": "RGBX;16B",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    # Of the machine's own byte order, as libtiff gives it; little-endian on all that we run on
    "RGB;16N": "RGB;16B",
    "RGBA;16N": "RGBA;16B",
    "RGBX;16N": "RGBX;16B",
}
# Grey with transparency: four bytes a pixel, which a plain RGBA takes as they come.
GRAY_ALPHA, FOUR_BYTES = "LA;16B", "RGBA"
SAMPLE_BITS, PHOTOMETRIC, MAX_SAMPLE_VALUE = 258, 262, 281  # TIFF 6.0, section 8 and 22
WHITE_IS_ZERO = 0
PNG_SIGNATURE_BYTES = 8
CHUNK_VALUES = 1 << 18  # values


class WideFormat(NamedTuple):
    """Values of a 16-bit file: the bits that it states, None where it states none, and Pillow's raw mode.

    ``white_is_zero``: Pillow turns such a TIFF of 8 bits around by itself, and one of 16 bits not.
    """

    stated_depth: int | None
    raw_mode: str
    white_is_zero: bool = False


def detect_wide_format(image: Image.Image, stream: BinaryIO) -> WideFormat | None:
    """Return what an opened file of 16-bit values states, None for other files. Call it before the pixels are read."""
    raw_mode = _raw_mode(image)
    if not (image.mode.startswith("I;16") or raw_mode in LOW_BYTES or raw_mode == GRAY_ALPHA):
        return None
    if image.format == "PNG":
        return WideFormat(_stated_by_png(stream), raw_mode)
    tags = getattr(image, "tag_v2", {})
    return WideFormat(_stated_by_tiff(tags), raw_mode, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)


def resolve_depth(image: Image.Image, wide: WideFormat, requested: int | ResolveBitDepth | None) -> int:
    """Return the bit depth to read a loaded image by.

    A ``requested`` number counts. Else the file's own statement does if its values fit; else the values' need, which a
    ``requested`` function may widen. Without any, all 16 bits count.
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
    """Return the loaded image with 8 bits a channel, scaled so that the depth's largest value is 255.

    ``low`` decodes the file once more, with another raw mode.
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
        again = decode_raw(LOW_BYTES[wide.raw_mode])
        high_bytes, low_bytes = np.asarray(image).astype(np.uint16), np.asarray(again).astype(np.uint16)
    values: Values = (high_bytes << 8 | low_bytes).astype(np.uint16)
    return Image.fromarray(_scaled_channels(values, depth))


def with_raw_mode(image: Image.Image, raw_mode: str) -> Image.Image:
    """Return the opened image set to decode by another raw mode of as many bytes."""
    tiles: Any = image
    tiles.tile = [tile._replace(args=_with_mode(tile.args, raw_mode)) for tile in tiles.tile]
    return image


def _with_mode(args: Any, raw_mode: str) -> Any:
    return raw_mode if isinstance(args, str) else (raw_mode, *args[1:])


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", [])
    args = tiles[0].args if tiles else ""
    return str(args if isinstance(args, str) or not args else args[0])


def _peak(image: Image.Image) -> int:
    """Largest value of the color channels; of color images, with the unknown low byte full."""
    if image.mode.startswith("I;16"):
        return int(np.asarray(image).max())
    extrema: Any = image.getextrema()
    return max(int(most) for _, most in extrema[:3]) << 8 | 0xFF


def _required_depth(peak: int) -> int:
    return next(depth for depth in CAMERA_DEPTHS if peak < 1 << depth)


def _scaled(values: NDArray[Any], depth: int) -> NDArray[np.uint8]:
    most = (1 << depth) - 1
    small = np.empty(values.shape, np.uint8)
    # In pieces that the processor's cache holds: three times as fast, and without four copies of a large image.
    rows = max(1, CHUNK_VALUES // max(1, values[0].size))
    for start in range(0, len(values), rows):
        wide = np.minimum(values[start : start + rows].astype(np.uint32), most)
        small[start : start + rows] = wide * 255 // most
    return small


def _scaled_channels(values: Values, depth: int) -> NDArray[np.uint8]:
    """Scale color by its depth, and transparency by that of the file's 16 bits that it uses."""
    small = _scaled(values, depth)
    if values.shape[-1] in (2, 4) and values[..., -1].max() >= 1 << depth:
        small[..., -1] = _scaled(values[..., -1], FULL_DEPTH)
    return small


def _stated_by_tiff(tags: Any) -> int | None:
    bits = min(_numbers(tags.get(SAMPLE_BITS)), default=FULL_DEPTH)
    if bits < FULL_DEPTH:
        return max(MIN_DEPTH, bits)
    most = max(_numbers(tags.get(MAX_SAMPLE_VALUE)), default=0)
    if not 0 < most < (1 << FULL_DEPTH) - 1:
        return None
    # Some programs write the largest value of the image: then the camera has at least so many bits.
    exact = most.bit_length() if most & (most + 1) == 0 else _required_depth(most)
    return max(MIN_DEPTH, exact)


def _numbers(value: Any) -> tuple[int, ...]:
    values = value if isinstance(value, tuple) else (value,)
    return tuple(int(number) for number in values if isinstance(number, int | float))


def _stated_by_png(stream: BinaryIO) -> int | None:
    """Significant bits by the chunk sBIT (PNG 3rd edition, 11.3.2.4), which comes before the pixels."""
    place = stream.tell()
    try:
        stream.seek(PNG_SIGNATURE_BYTES)
        while len(head := stream.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            length = int.from_bytes(head[:4], "big")
            if head[4:] == b"sBIT":
                # The last of two or four channels is transparency.
                bits = stream.read(length)[: {2: 1, 4: 3}.get(length, 3)]
                return max(MIN_DEPTH, *bits) if bits and max(bits) < FULL_DEPTH else None
            stream.seek(length + 4, 1)
    finally:
        stream.seek(place)
    return None
