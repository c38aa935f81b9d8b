"""What the header alone decides: accepted, or refused with a stable code before a pixel is decoded."""

from __future__ import annotations

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError, ImageHeader, Limits, inspect_header
from mltasks.vision.types import InputSize
from tests.vision.sample_images import encode, gradient, make_png, with_preview


def refusal(stream: io.BytesIO, limits: Limits | None = None) -> str:
    with pytest.raises(ImageError) as caught:
        inspect_header(stream, limits or Limits())
    assert caught.value.detail
    return caught.value.code


@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_it_reads_format_and_size_and_leaves_the_stream_at_its_start(name: str) -> None:
    stream = encode(gradient(60, 40), name)

    assert inspect_header(stream) == ImageHeader(name, 60, 40)
    assert stream.tell() == 0


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}])
def test_it_reads_every_kind_of_webp(options: dict[str, object]) -> None:
    assert inspect_header(encode(gradient(60, 40), "WEBP", **options)) == ImageHeader("WEBP", 60, 40)


def test_it_refuses_an_empty_file() -> None:
    assert refusal(io.BytesIO()) == "invalid_image"


@pytest.mark.parametrize(
    "content",
    [
        b"this is text named part.jpg",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"<?xml version='1.0'?><svg/>",
        b"\0" * 64,
    ],
)
def test_it_refuses_what_is_no_image(content: bytes) -> None:
    assert refusal(io.BytesIO(content)) == "unsupported_format"


@pytest.mark.parametrize("name", ["GIF", "PPM", "ICO", "TGA"])
def test_it_refuses_other_formats(name: str) -> None:
    assert refusal(encode(gradient(), name)) == "unsupported_format"


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"RIFF\x20\0\0\0WEBP"])
def test_it_refuses_a_known_beginning_with_nonsense_after(start: bytes) -> None:
    assert refusal(io.BytesIO(start + b"not an image" * 50)) in ("invalid_image", "too_many_pixels")


def test_it_refuses_a_jpeg_cut_in_its_header() -> None:
    assert refusal(io.BytesIO(encode(gradient(), "JPEG").getvalue()[:100])) == "truncated_image"


def test_it_refuses_a_jpeg_with_a_second_picture_inside() -> None:
    stream = io.BytesIO()
    gradient().save(stream, "MPO", save_all=True, append_images=[gradient()])

    assert refusal(stream) == "unsupported_format"


def test_a_cameras_preview_behind_its_picture_does_no_harm() -> None:
    stream = with_preview(gradient(640, 480), gradient(160, 120))

    assert Image.open(stream).format == "MPO"
    assert inspect_header(stream) == ImageHeader("JPEG", 640, 480)
    size = InputSize(100, 120)
    assert np.array_equal(decode(stream, size=size), decode(encode(gradient(640, 480), "JPEG"), size=size))


@pytest.mark.parametrize(
    "gain_map", [gradient(160, 120).convert("L"), gradient(160, 120), gradient(640, 480).convert("L")]
)
def test_a_telephones_gain_map_behind_its_picture_does_no_harm(gain_map: Image.Image) -> None:
    stream = io.BytesIO()
    gradient(640, 480).save(stream, "MPO", save_all=True, append_images=[gain_map])

    assert Image.open(stream).n_frames == 2
    assert inspect_header(stream) == ImageHeader("JPEG", 640, 480)
    assert np.array_equal(decode(stream), decode(encode(gradient(640, 480), "JPEG")))


def test_a_marked_gain_map_may_be_as_large_as_its_picture() -> None:
    stream = io.BytesIO()
    gradient().save(stream, "MPO", save_all=True, append_images=[gradient()])
    content = stream.getvalue()
    second = content.index(b"\xff\xd8", 2) + 2
    mark = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"
    marked = content[:second] + b"\xff\xe2" + (len(mark) + 2).to_bytes(2, "big") + mark + content[second:]

    assert inspect_header(io.BytesIO(marked)) == ImageHeader("JPEG", 60, 40)


@pytest.mark.parametrize("kind", [0x020001, 0x020002, 0x020003])
def test_it_refuses_panoramas_and_several_views(kind: int) -> None:
    stream = with_preview(gradient(640, 480), gradient(160, 120), kind)

    assert refusal(stream) == "unsupported_format"


@pytest.mark.parametrize(("brand", "name"), [(b"heic", "HEIC"), (b"mif1", "HEIC"), (b"avif", "AVIF")])
def test_it_says_what_to_do_with_a_telephones_own_format(brand: bytes, name: str) -> None:
    content = b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + b"\0" * 100
    with pytest.raises(ImageError) as caught:
        inspect_header(io.BytesIO(content))

    assert caught.value.code == "unsupported_format"
    for words in (name, "Export it as JPEG", "set the camera to JPEG"):
        assert words in caught.value.detail


def test_a_limit_of_pixels_above_pillows_own_counts() -> None:
    stream = make_png(20_000, 10_000)

    assert inspect_header(stream, Limits(max_pixels=200_000_000)) == ImageHeader("PNG", 20_000, 10_000)
    assert refusal(stream, Limits(max_pixels=199_999_999)) == "too_many_pixels"


@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_it_refuses_several_frames(name: str) -> None:
    other = gradient().transpose(Image.Transpose.ROTATE_180)
    assert refusal(encode(gradient(), name, save_all=True, append_images=[other])) == "unsupported_format"


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_it_refuses_pixels_without_an_agreed_way_to_8_bits(dtype: type) -> None:
    assert refusal(encode(Image.fromarray(np.ones((9, 9), dtype)), "TIFF")) == "unsupported_format"


def test_it_refuses_88_megapixels_in_10_kilobytes_without_decoding_them() -> None:
    stream = make_png(10_000, 8_800)
    assert len(stream.getvalue()) < 20_000
    tracemalloc.start()

    assert refusal(stream) == "too_many_pixels"

    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_it_refuses_a_webp_that_claims_a_huge_canvas() -> None:
    content = bytearray(encode(gradient(), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0").getvalue())
    content[24:30] = (16_000 - 1).to_bytes(3, "little") * 2

    assert refusal(io.BytesIO(bytes(content))) == "too_many_pixels"


def test_the_limit_itself_is_accepted() -> None:
    assert inspect_header(encode(gradient(50, 40), "PNG"), Limits(max_pixels=2000)).width == 50
    assert refusal(encode(gradient(50, 41), "PNG"), Limits(max_pixels=2000)) == "too_many_pixels"
