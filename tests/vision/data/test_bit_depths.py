"""16-bit files of cameras with 10, 12 or 14 bits: what the file states counts, and else what is settled."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode, load, thumbnail
from tests.vision.sample_images import encode, gradient

GREY = np.asarray(gradient(256, 4).convert("L")).copy()
GREY[0] = np.arange(256)
COLOR = np.asarray(gradient(256, 40))


def grey(bits: int, name: str = "PNG", **options: object) -> io.BytesIO:
    """Grey values of so many bits in a 16-bit file."""
    return encode(Image.fromarray(GREY.astype(np.uint16) << (bits - 8)), name, **options)


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def png(values: np.ndarray, color_type: int, significant: bytes = b"") -> io.BytesIO:
    """A 16-bit PNG, which Pillow does not write of colors, with the chunk sBIT where it is given."""
    height, width = values.shape[:2]
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([16, color_type, 0, 0, 0])
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    stated = chunk(b"sBIT", significant) if significant else b""
    body = chunk(b"IHDR", head) + stated + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)


def tiff(
    values: np.ndarray, order: str, bits: int = 16, most: int = 0, *, data: bytes = b"", compression: int = 1
) -> io.BytesIO:
    """An uncompressed TIFF of grey or colors in either byte order, with MaxSampleValue where it is given."""
    height, width, channels = (*values.shape, 1)[:3]
    data = data or values.astype(order + "u2").tobytes()
    tags = [(256, width), (257, height), (258, bits), (259, compression), (262, 2 if channels == 3 else 1), (273, 8)]
    tags += [(277, channels), (278, height), (279, len(data)), *([(281, most)] if most else [])]
    number = lambda value, size: int(value).to_bytes(size, "little" if order == "<" else "big")  # noqa: E731
    end = 8 + len(data)
    table = number(len(tags), 2)
    for tag, value in tags:
        three = tag == 258 and channels == 3
        place = end + 2 + 12 * len(tags) + 4 if three else value
        table += number(tag, 2) + number(3 if three else 4, 2) + number(3 if three else 1, 4) + number(place, 4)
    table += number(0, 4) + number(bits, 2) * 3
    return io.BytesIO((b"II*\0" if order == "<" else b"MM\0*") + number(end, 4) + data + table)


def almost_equal(pixels: np.ndarray, expected: np.ndarray) -> bool:
    return int(np.abs(pixels.astype(int) - expected.astype(int)).max()) <= 1


def test_png_states_its_significant_bits() -> None:
    stream = png(GREY.astype(np.uint16) * 16, 0, b"\x0c")

    assert almost_equal(decode(stream)[..., 0], GREY)
    assert load(stream).bit_depth == 12
    assert np.asarray(Image.open(io.BytesIO(thumbnail(stream)))).max() > 240


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("bits", "most"), [(10, 1023), (12, 4095), (12, 3871), (14, 16383)])
def test_tiff_states_its_largest_value(bits: int, most: int, order: str) -> None:
    values = GREY.astype(np.uint16) << (bits - 8)
    stream = tiff(np.minimum(values, most), order, most=most)

    loaded = load(stream)

    assert loaded.bit_depth == bits
    assert almost_equal(loaded.to_array()[..., 0], np.minimum(values, most) >> (bits - 8))


def test_tiff_of_twelve_packed_bits_is_as_bright_as_it_should_be() -> None:
    values = GREY.astype(np.uint16) * 16
    pairs = values.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], -1)
    stream = tiff(values, "<", 12, data=packed.astype(np.uint8).tobytes())

    assert load(stream).bit_depth == 12
    assert almost_equal(decode(stream)[..., 0], GREY)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_a_given_depth_scales_the_values(bits: int, name: str) -> None:
    assert almost_equal(decode(grey(bits, name), bit_depth=bits)[..., 0], GREY)


@pytest.mark.parametrize(("bits", "needed"), [(9, 10), (10, 10), (11, 12), (12, 12), (13, 14), (14, 14), (16, 16)])
def test_where_nothing_states_it_the_needed_depth_is_settled(bits: int, needed: int) -> None:
    asked: list[int] = []

    def settle(depth: int) -> int:
        asked.append(depth)
        return 14 if depth < 14 else depth

    loaded = load(grey(bits), bit_depth=settle)

    assert asked == [needed]
    assert loaded.bit_depth == max(14, needed)


def test_values_above_what_is_stated_are_settled() -> None:
    stream = png(GREY.astype(np.uint16) * 257, 0, b"\x0c")

    assert load(stream, bit_depth=lambda needed: needed).bit_depth == 16
    assert almost_equal(decode(stream)[..., 0], GREY)


def test_all_bits_count_where_nothing_is_known() -> None:
    assert decode(grey(12)).max() == 4080 * 255 // 65535
    assert load(grey(12)).bit_depth == 16


def test_images_of_eight_bits_have_no_depth_and_ask_nobody() -> None:
    def refuse(_: int) -> int:
        raise AssertionError

    for name in ("PNG", "BMP", "WEBP", "TIFF", "JPEG"):
        loaded = load(encode(gradient(), name), bit_depth=refuse)
        assert loaded.bit_depth is None
        assert np.array_equal(loaded.to_array(), decode(encode(gradient(), name), bit_depth=12))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_colors_keep_all_their_bits(bits: int) -> None:
    values = COLOR.astype(np.uint16) << (bits - 8)
    for stream in (png(values, 2), tiff(values, "<"), tiff(values, ">")):
        loaded = load(stream, bit_depth=lambda needed: needed)
        assert loaded.bit_depth == bits
        assert almost_equal(loaded.to_array(), COLOR)


def test_colors_in_a_compressed_tiff_keep_all_their_bits() -> None:
    values = COLOR.astype(np.uint16) * 16
    stream = tiff(values, "<", data=zlib.compress(values.tobytes()), compression=8)

    assert almost_equal(load(stream, bit_depth=lambda needed: needed).to_array(), COLOR)


@pytest.mark.parametrize("alpha", [4095, 65535])
def test_opaque_colors_of_twelve_bits_stay_opaque(alpha: int) -> None:
    values = np.dstack([COLOR.astype(np.uint16) * 16, np.full(COLOR.shape[:2], alpha, np.uint16)])
    grey_values = np.dstack([GREY.astype(np.uint16) * 16, np.full(GREY.shape, alpha, np.uint16)])

    assert almost_equal(load(png(values, 6), bit_depth=12).to_array(), COLOR)
    assert almost_equal(load(png(grey_values, 4), bit_depth=12).to_array()[..., 0], GREY)


def test_full_depth_gives_the_bytes_it_always_gave() -> None:
    values = np.random.default_rng(1).integers(0, 65536, (8, 9, 3), np.uint16)

    assert np.array_equal(decode(png(values, 2)), values >> 8)
    assert np.array_equal(decode(png(values[..., 0], 0))[..., 0], values[..., 0].astype(np.uint32) * 255 // 65535)
