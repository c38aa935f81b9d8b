"""TIFF files as cameras and microscopes write them: 0 for white, signed pixels, smaller copies behind the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest

from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError

HEIGHT, WIDTH = 6, 256
GREY = np.arange(WIDTH, dtype=np.uint8)[None].repeat(HEIGHT, 0)
Tags = dict[int, int]


def tiff(*pages: tuple[np.ndarray, Tags], order: str = "<") -> io.BytesIO:
    """An uncompressed grey TIFF with further tags for each page."""
    endian = "little" if order == "<" else "big"
    number = lambda value, size: int(value).to_bytes(size, endian)  # noqa: E731
    out, pointer = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4)), 4
    for values, more in pages:
        data, place = values.tobytes(), len(out)
        out += data
        out[pointer : pointer + 4] = number(len(out), 4)
        tags = {256: values.shape[1], 257: values.shape[0], 258: values.itemsize * 8, 259: 1, 262: 1, 273: place}
        tags |= {277: 1, 278: values.shape[0], 279: len(data)} | more
        out += number(len(tags), 2)
        for tag, value in sorted(tags.items()):
            out += number(tag, 2) + number(4, 2) + number(1, 4) + number(value, 4)
        pointer = len(out)
        out += bytes(4)
    return io.BytesIO(bytes(out))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_it_reads_sixteen_bits_where_zero_is_white(order: str, bits: int) -> None:
    most = (1 << bits) - 1
    values = (most - GREY.astype(np.uint32) * most // 255).astype(f"{order}u2")
    pixels = decode(tiff((values, {262: 0}), order=order), bit_depth=bits)
    assert np.abs(pixels[..., 0].astype(int) - GREY).max() <= 1


def test_it_reads_eight_bits_where_zero_is_white() -> None:
    assert (decode(tiff((255 - GREY, {262: 0})))[..., 0] == GREY).all()


@pytest.mark.parametrize("dtype", ["i1", "<i2"])
def test_it_refuses_pixels_with_a_sign(dtype: str) -> None:
    with pytest.raises(ImageError, match="without sign") as refused:
        decode(tiff(((GREY.astype(int) - 128).astype(dtype), {339: 2})))
    assert refused.value.code == "unsupported_format"


@pytest.mark.parametrize("kind", [{254: 1}, {254: 4}, {254: 5}, {255: 2}])
def test_it_takes_the_picture_before_its_smaller_copies_and_masks(kind: Tags) -> None:
    small = (GREY[:3, ::2].copy(), kind)
    assert (decode(tiff((GREY, {}), small, small))[..., 0] == GREY).all()


@pytest.mark.parametrize("kind", [{}, {254: 0}, {254: 2}, {255: 1}])
def test_it_refuses_a_second_picture(kind: Tags) -> None:
    with pytest.raises(ImageError, match="several frames"):
        decode(tiff((GREY, {}), (GREY[:3].copy(), {254: 1}), (GREY, kind)))


def test_it_refuses_more_copies_than_any_camera_writes() -> None:
    with pytest.raises(ImageError, match="several frames"):
        decode(tiff((GREY, {}), *[(GREY[:1].copy(), {254: 1})] * 40))
