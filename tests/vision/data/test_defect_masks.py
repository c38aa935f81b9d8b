"""Masks of defects: read from any PNG, kept in one form, and refused as hostile images are."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode
from mltasks.vision.data.defect_masks import mark_in_region, normalize_mask, read_mask
from mltasks.vision.data.image_header import ImageError, Limits
from mltasks.vision.types import InputSize, Mark, Roi

SIZE = (20, 12)
DEFECT = np.zeros((SIZE[1], SIZE[0]), dtype=bool)
DEFECT[3:7, 5:15] = True


def png(image: Image.Image, **options: object) -> io.BytesIO:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)  # type: ignore[arg-type]
    stream.seek(0)
    return stream


def levels(value: int) -> Image.Image:
    return Image.fromarray(DEFECT.astype(np.uint8) * value)


def palette() -> Image.Image:
    """Index 0 is black, index 1 a dark red."""
    image = levels(1)
    image.putpalette([0, 0, 0, 90, 0, 0])
    return image


def transparent() -> Image.Image:
    """White everywhere, visible on the defect alone."""
    return Image.merge("RGBA", [Image.new("L", SIZE, 255)] * 3 + [levels(40)])


FORMS: dict[str, Callable[[], Image.Image]] = {
    "white": lambda: levels(255),
    "dark gray": lambda: levels(1),
    "one bit": lambda: levels(255).convert("1"),
    "16 bits": lambda: Image.fromarray(DEFECT.astype(np.uint16) * 300),
    "one color": lambda: Image.merge("RGB", [Image.new("L", SIZE), Image.new("L", SIZE), levels(9)]),
    "palette": palette,
    "transparent": transparent,
    "gray with alpha": lambda: Image.merge("LA", [Image.new("L", SIZE, 255), levels(255)]),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_every_form_becomes_black_and_white(make: Callable[[], Image.Image]) -> None:
    assert np.array_equal(read_mask(png(make())), DEFECT)
    with Image.open(io.BytesIO(normalize_mask(png(make()), SIZE))) as stored:
        assert (stored.format, stored.mode, stored.size) == ("PNG", "L", SIZE)
        assert np.array_equal(np.asarray(stored), DEFECT.astype(np.uint8) * 255)


def test_the_same_defect_has_the_same_bytes() -> None:
    assert len({normalize_mask(png(make()), SIZE) for make in FORMS.values()}) == 1


def test_a_black_mask_is_empty() -> None:
    assert normalize_mask(png(levels(0)), SIZE) == b""


def huge_header(width: int, height: int) -> io.BytesIO:
    """A PNG of a hundred bytes that calls itself large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b""))


def jpeg() -> io.BytesIO:
    stream = io.BytesIO()
    levels(255).save(stream, "JPEG")
    return stream


def animation() -> io.BytesIO:
    return png(levels(255), save_all=True, append_images=[levels(9)])


@pytest.mark.parametrize(
    "make, code",
    [
        (jpeg, "unsupported_format"),
        (lambda: io.BytesIO(b""), "invalid_image"),
        (lambda: io.BytesIO(b"no image"), "unsupported_format"),
        (lambda: io.BytesIO(png(levels(255)).getvalue()[:60]), "truncated_image"),
        (lambda: png(levels(255).resize((12, 20))), "invalid_image"),
        (lambda: png(levels(255).resize((21, 12))), "invalid_image"),
        (lambda: huge_header(20_000, 20_000), "too_many_pixels"),
        (animation, "unsupported_format"),
    ],
)
def test_other_files_are_refused(make: Callable[[], io.BytesIO], code: str) -> None:
    with pytest.raises(ImageError) as refused:
        normalize_mask(make(), SIZE)
    assert refused.value.code == code


def test_the_size_of_both_is_told() -> None:
    with pytest.raises(ImageError, match="20 × 12 pixels, but its image has 12 × 20"):
        normalize_mask(png(levels(255)), (12, 20))


@pytest.mark.parametrize("roi", [None, Roi(4, 2, 10, 8), Roi(4, 2, 99, 99)])
@pytest.mark.parametrize("size", [InputSize(24, 40), InputSize(32, 32), InputSize(32, 32, keep_shape=False)])
def test_a_mask_lies_over_its_image_in_a_networks_input(roi: Roi | None, size: InputSize) -> None:
    image = png(Image.fromarray(DEFECT.astype(np.uint8) * 200 + 20).convert("RGB"))
    seen = decode(image, roi=roi, size=size)[..., 0].astype(int) - 20
    mask = decode(io.BytesIO(normalize_mask(png(levels(1)), SIZE)), roi=roi, size=size)[..., 0]
    assert np.abs(mask * (200 / 255) - seen).max() <= 2


@pytest.mark.parametrize(
    "mark, expected",
    [
        (Mark(0.25, 0.25, 0.25, 0.5), Mark(0.1, 0.125, 0.5, 0.75)),
        (Mark(0, 0, 1, 1), Mark(0, 0, 1, 1)),
        (Mark(0.1, 0.5, 0.2, 0), Mark(0, 0.5, 0.2, 0)),
        (Mark(0.5, 0.5), Mark(0.6, 0.5)),
        (Mark(0.1, 0.5), None),
        (Mark(0, 0, 1, 0.1), None),
        (Mark(0.8, 0.9, 0.1, 0.1), None),
    ],
)
def test_a_mark_is_cut_at_the_edges_of_the_region(mark: Mark, expected: Mark | None) -> None:
    assert mark_in_region(mark, Roi(4, 2, 10, 8), *SIZE) == expected
    assert mark_in_region(mark, None, *SIZE) == mark


def test_a_region_beyond_the_image_is_cut_before_the_mark() -> None:
    assert mark_in_region(Mark(0.5, 0.5), Roi(4, 2, 99, 99), *SIZE) == Mark(0.375, 0.4)


def test_a_mask_above_the_products_limit_is_not_decoded() -> None:
    with pytest.raises(ImageError, match="at most 100"):
        normalize_mask(png(levels(255)), SIZE, Limits(max_pixels=100))
