"""Decoding of image files to pixels, the same for training and serving.

Steps: header checks, scaled decode, orientation, region, resize. Needs numpy and Pillow only, for the web process.
"""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mltasks.vision.data.bit_depths import ResolveBitDepth, detect_wide_format, resolve_depth, to_8_bits, with_raw_mode
from mltasks.vision.data.image_header import (
    DECODER_ERRORS,
    DEFAULT_LIMITS,
    ImageError,
    ImageHeader,
    Limits,
    header_from_image,
    inspect_header,
    open_single_frame,
)
from mltasks.vision.data.jpeg_decode import decode_jpeg
from mltasks.vision.data.pixel_layouts import to_rgb
from mltasks.vision.types import InputSize, Placement, Roi

__all__ = [
    "ImageError",
    "ImageHeader",
    "Limits",
    "LoadedImage",
    "decode",
    "fit_placement",
    "inspect_header",
    "load",
    "thumbnail",
]

RgbImage = NDArray[np.uint8]
Source = BinaryIO | Path

THUMBNAIL_SIDE = 320
# Transposition that makes an image of this EXIF orientation upright
UPRIGHT_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS_ORIENTATIONS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """Image decoded once, upright and RGB, perhaps at reduced scale.

    ``width`` and ``height`` are those of the upright image at full resolution. ``box`` is the region of interest in
    pixels of ``pixels``. ``damage`` is the decoder's warning about damaged data. ``bit_depth`` is the number of the 16
    bits that were scaled to 8; None for images of 8 bits.
    """

    header: ImageHeader
    width: int
    height: int
    pixels: Image.Image
    box: tuple[float, float, float, float]
    damage: str = ""
    bit_depth: int | None = None

    def to_array(self, size: InputSize | None = None) -> RgbImage:
        """Return the region as uint8 ``[height, width, 3]``, fitted into ``size``.

        Antialiased bilinear filtering scales the region, mirroring at its edges fills the rest. Without ``size`` the
        region stays as decoded.
        """
        if size is None:
            left, top, right, bottom = (round(edge) for edge in self.box)
            return np.array(self.pixels.crop((left, top, max(right, left + 1), max(bottom, top + 1))))
        inside = self.placement(size)
        small = self.pixels.resize((inside.width, inside.height), Image.Resampling.BILINEAR, box=self.box)
        return _pad_mirrored(np.array(small), inside, size)

    def placement(self, size: InputSize) -> Placement:
        """Return the region's placement in an input of that size."""
        return fit_placement(self.box[2] - self.box[0], self.box[3] - self.box[1], size)

    def thumbnail(self, max_side: int = THUMBNAIL_SIDE) -> bytes:
        """Return the whole upright image as a JPEG of at most ``max_side`` pixels a side.

        Small images are not enlarged.
        """
        side = min(max_side, max(self.pixels.size))
        inside = fit_placement(*self.pixels.size, InputSize(side, side))
        # Averaging by whole factors down to twice the size first is faster and looks the same.
        small = self.pixels.resize((inside.width, inside.height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=85, optimize=True)
        return out.getvalue()


def fit_placement(width: float, height: float, size: InputSize) -> Placement:
    """Return the largest centered placement of a region; the whole input without ``keep_shape``."""
    size = InputSize(*size)
    if not size.keep_shape:
        return Placement(0, 0, size.width, size.height)
    scale = min(size.width / width, size.height / height)
    across = min(size.width, max(1, round(width * scale)))
    down = min(size.height, max(1, round(height * scale)))
    return Placement((size.width - across) // 2, (size.height - down) // 2, across, down)


def _pad_mirrored(small: RgbImage, inside: Placement, size: InputSize) -> RgbImage:
    # Mirrored texture is the part's own: no frame edge for the network to detect.
    below = size[0] - inside.top - inside.height
    after = size[1] - inside.left - inside.width
    if not (inside.top or below or inside.left or after):
        return small
    return np.pad(small, ((inside.top, below), (inside.left, after), (0, 0)), mode="symmetric")


def load(
    source: Source,
    *,
    roi: Roi | None = None,
    size: InputSize | None = None,
    limits: Limits = DEFAULT_LIMITS,
    bit_depth: int | ResolveBitDepth | None = None,
) -> LoadedImage:
    """Decode once for all uses; a JPEG at the smallest scale that covers the region in ``size``.

    Every byte of the image is read, so a truncated file never passes. ``bit_depth`` is the number of the 16 bits that
    the camera uses, as in ``resolve_depth``.

    Raises ImageError (see ``inspect_header``), also ``invalid_image`` if the region lies outside the image or is
    smaller than the limits allow; OSError if a path can't be opened.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        try:
            return _load(stream, roi, size, limits, bit_depth)
        finally:
            stream.seek(0)


def decode(
    source: Source,
    *,
    roi: Roi | None = None,
    size: InputSize | None = None,
    limits: Limits = DEFAULT_LIMITS,
    bit_depth: int | None = None,
) -> RgbImage:
    """Return the upright region of interest as uint8 RGB ``[height, width, 3]`` in ``size``.

    The region is clamped to the image. Training and serving both call this function. Raises as ``load``.
    """
    return load(source, roi=roi, size=size, limits=limits, bit_depth=bit_depth).to_array(size)


def thumbnail(
    source: Source,
    max_side: int = THUMBNAIL_SIDE,
    *,
    limits: Limits = DEFAULT_LIMITS,
    bit_depth: int | None = None,
) -> bytes:
    """Return a JPEG of the whole upright image, at most ``max_side`` pixels a side.

    Raises as ``load``.
    """
    return load(source, size=InputSize(max_side, max_side), limits=limits, bit_depth=bit_depth).thumbnail(max_side)


def region_size(source: Source, roi: Roi | None = None) -> tuple[int, int]:
    """Return width and height of the region in pixels of the upright image. Raises as ``load``."""
    whole = load(source, roi=roi, size=InputSize(1, 1))
    region = _region(roi, (whole.width, whole.height), DEFAULT_LIMITS)
    return region.width, region.height


def _load(
    stream: BinaryIO,
    roi: Roi | None,
    size: InputSize | None,
    limits: Limits,
    bit_depth: int | ResolveBitDepth | None,
) -> LoadedImage:
    with open_single_frame(stream, limits) as image:
        header = header_from_image(image)
        if header.format == "JPEG":
            return _load_jpeg(stream, image, roi, size, limits)
        wide = detect_wide_format(image, stream)
        image.load()
        # Pillow turns a TIFF upright while loading, but no other format.
        orientation = _orientation(image)
        upright = image.size[::-1] if orientation in SIDEWAYS_ORIENTATIONS else image.size
        region = _region(roi, upright, limits)
        depth = wide and resolve_depth(image, wide, bit_depth)
        narrow = to_8_bits(image, wide, depth, partial(_decode_again, stream, header)) if wide and depth else image
    pixels = _transpose_upright(to_rgb(narrow), orientation)
    return _loaded_image(header, pixels, upright, region, bit_depth=depth)


def _load_jpeg(
    stream: BinaryIO, image: Image.Image, roi: Roi | None, size: InputSize | None, limits: Limits
) -> LoadedImage:
    header = header_from_image(image)
    orientation = _orientation(image)
    sideways = orientation in SIDEWAYS_ORIENTATIONS
    upright = image.size[::-1] if sideways else image.size
    region = _region(roi, upright, limits)
    if size is not None:
        _set_draft_scale(image, upright, sideways, region, size)
    stream.seek(0)
    decoded = decode_jpeg(image, stream.read(), (header.width, header.height), limits)
    pixels = _transpose_upright(to_rgb(decoded.pixels), orientation)
    return _loaded_image(header, pixels, upright, region, decoded.damage)


def _decode_again(stream: BinaryIO, header: ImageHeader, raw_mode: str) -> Image.Image:
    with Image.open(stream, formats=[header.format]) as image:
        with_raw_mode(image, raw_mode).load()
        return image.copy()


def _loaded_image(
    header: ImageHeader,
    pixels: Image.Image,
    full: tuple[int, int],
    region: Roi,
    damage: str = "",
    bit_depth: int | None = None,
) -> LoadedImage:
    across, down = pixels.width / full[0], pixels.height / full[1]
    right, bottom = region.x + region.width, region.y + region.height
    box = (region.x * across, region.y * down, right * across, bottom * down)
    return LoadedImage(header, *full, pixels, box, damage, bit_depth)


def _transpose_upright(pixels: Image.Image, orientation: int) -> Image.Image:
    return pixels.transpose(UPRIGHT_TRANSPOSE[orientation]) if orientation in UPRIGHT_TRANSPOSE else pixels


def _set_draft_scale(
    image: Image.Image, upright: tuple[int, int], sideways: bool, region: Roi, size: InputSize
) -> None:
    inside = fit_placement(region.width, region.height, size)
    # Rounded up, so that libjpeg's scale (1/2, 1/4 or 1/8) leaves at least that many pixels over the region.
    width = -(-upright[0] * inside.width // region.width)
    height = -(-upright[1] * inside.height // region.height)
    image.draft("RGB", (height, width) if sideways else (width, height))


def _region(roi: Roi | None, upright: tuple[int, int], limits: Limits) -> Roi:
    """Return the region clamped to the upright image. Raises ImageError if it is outside or too small."""
    width, height = upright
    name = "The region of interest" if roi else "The image"
    roi = roi or Roi(0, 0, width, height)
    if roi.x >= width or roi.y >= height:
        raise ImageError(
            "invalid_image", f"The region of interest starts at {roi.x},{roi.y}, outside the {width} × {height} image."
        )
    region = Roi(roi.x, roi.y, min(roi.width, width - roi.x), min(roi.height, height - roi.y))
    if min(region.width, region.height) < limits.min_side:
        raise ImageError(
            "invalid_image",
            f"{name} has {region.width} × {region.height} pixels; "
            f"parts of this product have at least {limits.min_side} on each side.",
        )
    return region


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except DECODER_ERRORS:
        # The pixels are readable despite damaged metadata: the part is inspected as it was stored.
        return 1
