"""Checks of an image's header before any pixel is decoded: format, frames and size."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

from PIL import Image, MpoImagePlugin, TiffImagePlugin, UnidentifiedImageError

ErrorCode = Literal["invalid_image", "truncated_image", "unsupported_format", "too_many_pixels", "damaged_image"]

MAGIC: dict[bytes, str] = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
# Supported pixel layouts. Others (32-bit integers, floats, CIE LAB) have no agreed conversion to 8 bits.
MODES = frozenset(
    {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "I;16", "I;16L", "I;16B", "I;16N"}
)
# Errors that Pillow and its plugins raised on damaged files, besides their own classes
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    LookupError,
    EOFError,
    RuntimeError,
    AssertionError,
    BufferError,
    MemoryError,
    struct.error,
    zlib.error,
)
# Pillow's own limit would refuse images within Limits: each image is checked against Limits once its header is read.
Image.MAX_IMAGE_PIXELS = None
# Pillow supports 16 bits with white as 0 in little-endian files only.
TiffImagePlugin.OPEN_INFO[(b"MM", 0, (1,), 1, (16,), ())] = ("I;16B", "I;16B")
# Brands of the files that phones write (ISO 23008-12), with the hint for the sender
PHONE_BRANDS = {b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC", b"hevc": "HEIC", b"hevx": "HEIC"}
PHONE_BRANDS |= {b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF", b"avis": "AVIF"}
EXPORT_HINT = "Export it as JPEG or PNG and send that"
CAMERA_HINT = "or set the camera to JPEG (iPhone: Settings, Camera, Formats, Most Compatible)"
WEBP_HEAD = 30
MP_ENTRIES = 0xB002
# Marks of gain maps: ISO 21496-1, Adobe's and Apple's
GAIN_MAP_MARKS = (b"urn:iso:std:iso:ts:21496", b"hdrgm:", b"HDRGainMap")
BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # existing sizes
# TIFF 6.0, section 8 and 19: the kind of a further page, and the sign of its numbers
NEW_SUBFILE_TYPE, SUBFILE_TYPE, SAMPLE_FORMAT = 254, 255, 339
REDUCED_OR_MASK, OLD_REDUCED_COPY, SIGNED_INTEGER = 0b101, 2, 2
MAX_PAGES = 16
FIRST_MARKER = 0xC0  # of JPEG segments with a length


class ImageError(ValueError):
    """Image that can't be used: stable ``code``, and ``detail`` for the sender."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code: ErrorCode = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of decoded images, in pixels.

    ``max_pixels`` is width × height as stored; ``min_side`` is the region's shorter side.
    """

    max_pixels: int = 50_000_000
    min_side: int = 1


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an image in pixels as stored, before EXIF orientation.

    The format is JPEG, PNG, BMP, WEBP or TIFF.
    """

    format: str
    width: int
    height: int


def inspect_header(stream: BinaryIO, limits: Limits = DEFAULT_LIMITS) -> ImageHeader:
    """Read format and size without decoding a pixel; rewind the stream.

    Raises ImageError: ``unsupported_format`` (not one of the five formats, several frames, or a pixel layout without an
    agreed conversion to 8 bits), ``too_many_pixels``, ``invalid_image`` or ``truncated_image``.
    """
    try:
        with open_single_frame(stream, limits) as image:
            return header_from_image(image)
    finally:
        stream.seek(0)


@contextmanager
def open_single_frame(stream: BinaryIO, limits: Limits) -> Iterator[Image.Image]:
    """Open an image whose header passes all checks, without reading its pixels.

    Raises ImageError as ``inspect_header``.
    """
    name = detect_format(stream)
    if name == "WEBP":
        # Pillow's plugin allocates the whole canvas on opening, so the size is checked before.
        check_pixels(*webp_size(stream), limits)
    with (
        translate_decoder_errors(stream, name),
        Image.open(stream, formats=[name, "MPO"] if name == "JPEG" else [name]) as image,
    ):
        check_pixels(*image.size, limits)
        check_layout(image, name)
        yield image


def header_from_image(image: Image.Image) -> ImageHeader:
    """Return the header of an opened image; a JPEG with previews or a gain map is a JPEG."""
    name = str(image.format)
    return ImageHeader("JPEG" if name == "MPO" else name, *image.size)


def detect_format(stream: BinaryIO) -> str:
    """Return the format of the first bytes.

    Raises ImageError for an empty file and for unsupported formats.
    """
    stream.seek(0)
    head = stream.read(WEBP_HEAD)
    stream.seek(0)
    if not head:
        raise ImageError("invalid_image", "The file is empty.")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return name
    if phone := PHONE_BRANDS.get(head[8:12] if head[4:8] == b"ftyp" else b""):
        raise ImageError("unsupported_format", f"{phone} files are not accepted. {EXPORT_HINT}, {CAMERA_HINT}.")
    raise ImageError("unsupported_format", f"The file is not a JPEG, PNG, BMP, WebP or TIFF image. {EXPORT_HINT}.")


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Raise ImageError ``too_many_pixels`` above the limit."""
    if width * height > limits.max_pixels:
        raise ImageError(
            "too_many_pixels", f"The image has {width} × {height} pixels; at most {limits.max_pixels:,} are accepted."
        )


def check_layout(image: Image.Image, name: str) -> None:
    """Raise ImageError unless there is one image of the format ``name`` in a known layout."""
    if not _is_single_image(image) and (image.format != name or _is_animated(image) or _has_second_frame(image)):
        raise ImageError("unsupported_format", "The file contains several frames. Send one image per file.")
    if image.mode not in MODES or SIGNED_INTEGER in _numbers(image, SAMPLE_FORMAT):
        kind = image.mode if image.mode not in MODES else "signed integer"
        detail = f"Pixels of type {kind} are not accepted. Save the image with 8 or 16 bits, without sign."
        raise ImageError("unsupported_format", detail)


def webp_size(stream: BinaryIO) -> tuple[int, int]:
    """Return width and height from a WebP's first chunk (RFC 9649).

    Raises ImageError if the chunk is damaged or truncated.
    """
    stream.seek(0)
    head = stream.read(WEBP_HEAD).ljust(WEBP_HEAD, b"\0")
    stream.seek(0)
    kind, body = head[12:16], head[20:]
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise ImageError("invalid_image", "The WebP file is damaged.")


@contextmanager
def translate_decoder_errors(stream: BinaryIO, name: str) -> Iterator[None]:
    """Convert any error of Pillow while it reads a ``name`` file to an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except DECODER_ERRORS as error:
        if is_truncated(stream, name, _says_truncated(error)):
            raise ImageError("truncated_image", f"The {name} file ends before the image does.") from error
        raise ImageError("invalid_image", f"The {name} file is damaged and cannot be read.") from error


def is_truncated(stream: BinaryIO, name: str, reported: bool) -> bool:
    """Return True if an unreadable file is shorter than its own structure states.

    ``reported``: the reader's error called the file truncated.
    """
    stream.seek(0)
    data = stream.read()
    if name == "JPEG":
        return reported or _jpeg_ends_early(data)
    if name == "PNG":
        return data[12:16] == b"IHDR" and (reported or _png_ends_early(data))
    if name == "BMP":
        return reported and int.from_bytes(data[14:18], "little") in BMP_HEADERS
    return reported or (name == "WEBP" and len(data) < int.from_bytes(data[4:8], "little") + 8)


def _jpeg_ends_early(data: bytes) -> bool:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF or data[position + 1] < FIRST_MARKER:
            return False
        if data[position + 1] == 0xDA:  # the scan: the data after it has no lengths
            return not data.rstrip(b"\0").endswith(b"\xff\xd9")
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return True


def _png_ends_early(data: bytes) -> bool:
    position = 8
    while position + 12 <= len(data):
        if data[position + 4 : position + 8] == b"IEND":
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return True


def _is_single_image(image: Image.Image) -> bool:
    """Return True if a camera's JPEG has only auxiliary further frames by its index.

    CIPA DC-007 defines the index.
    """
    if not isinstance(image, MpoImagePlugin.MpoImageFile) or image.mpinfo is None:
        return False
    first, *others = (entry["Attribute"]["MPType"] for entry in image.mpinfo[MP_ENTRIES])
    return first == "Baseline MP Primary Image" and all(
        kind.startswith("Large Thumbnail") or (kind == "Undefined" and _is_gain_map(image, frame))
        for frame, kind in enumerate(others, start=1)
    )


def _is_gain_map(image: MpoImagePlugin.MpoImageFile, frame: int) -> bool:
    """Return True for a gain map of a phone: an untyped frame that is marked, smaller, or gray.

    A second photograph of no type has the size and the colors of the first. The first frame is current again
    afterwards.
    """
    pixels, mode = image.width * image.height, image.mode
    try:
        image.seek(frame)
        marked = any(mark in body for _, body in image.applist for mark in GAIN_MAP_MARKS)
        return marked or image.width * image.height < pixels or (mode, image.mode) == ("RGB", "L")
    finally:
        image.seek(0)


def _is_animated(image: Image.Image) -> bool:
    # _has_second_frame checks the pages of a TIFF one by one.
    return image.format != "TIFF" and getattr(image, "is_animated", False)


def _has_second_frame(image: Image.Image) -> bool:
    """Return True if there is a further image; a TIFF's smaller copies and masks don't count."""
    # Bounded steps: `n_frames` would read every page of a hostile TIFF.
    try:
        for frame in range(1, MAX_PAGES + 1):
            image.seek(frame)
            if not _is_auxiliary_page(image):
                return True
    except EOFError:
        return False
    finally:
        image.seek(0)
    return True


def _is_auxiliary_page(image: Image.Image) -> bool:
    kinds = (*_numbers(image, NEW_SUBFILE_TYPE), 0)
    return bool(kinds[0] & REDUCED_OR_MASK) or OLD_REDUCED_COPY in _numbers(image, SUBFILE_TYPE)


def _numbers(image: Image.Image, tag: int) -> tuple[int, ...]:
    """Return the integers of a TIFF's tag; none if the tag is missing or for other formats."""
    value = getattr(image, "tag_v2", {}).get(tag, ())
    return tuple(number for number in (value if isinstance(value, tuple) else (value,)) if isinstance(number, int))


def _says_truncated(error: BaseException) -> bool:
    return not isinstance(error, UnidentifiedImageError) and "truncated" in str(error).lower()
