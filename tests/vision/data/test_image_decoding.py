"""Bytes to pixels: orientation, region, scale and every pixel layout, each on purpose."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode, load, thumbnail
from mltasks.vision.data.image_header import ImageError, Limits
from mltasks.vision.types import InputSize, Roi
from tests.vision.sample_images import encode, gradient

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def exif_with_orientation(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Mean absolute difference in grey levels."""
    assert first.shape == second.shape
    return float(np.abs(first.astype(float) - second.astype(float)).mean())


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_it_turns_an_image_upright(name: str, orientation: int) -> None:
    upright = gradient(64, 40)
    stored = upright.transpose(TURNS[orientation])
    options = {"quality": 95} if name in ("JPEG", "WEBP") else {}

    pixels = decode(encode(stored, name, exif=exif_with_orientation(orientation), **options))

    assert pixels.dtype == np.uint8
    assert mean_difference(pixels, np.asarray(upright)) < 6


def test_a_region_is_counted_in_upright_pixels_at_full_resolution() -> None:
    upright = gradient(1600, 1200)
    stream = encode(upright.transpose(TURNS[6]), "JPEG", exif=exif_with_orientation(6), quality=95)

    pixels = decode(stream, roi=Roi(400, 300, 800, 600), size=InputSize(60, 80))

    wanted = upright.crop((400, 300, 1200, 900)).resize((80, 60), Image.Resampling.BILINEAR)
    assert mean_difference(pixels, np.asarray(wanted)) < 3


def test_a_region_is_clamped_to_the_image() -> None:
    stream = encode(gradient(64, 40), "PNG")

    assert decode(stream, roi=Roi(32, 20, 500, 500)).shape == (20, 32, 3)


def test_it_refuses_a_region_outside_the_image() -> None:
    with pytest.raises(ImageError, match="outside") as caught:
        decode(encode(gradient(64, 40), "PNG"), roi=Roi(64, 0, 5, 5))
    assert caught.value.code == "invalid_image"


@pytest.mark.parametrize(("size", "scale"), [((150, 200), 8), ((151, 200), 4), ((600, 800), 2), ((601, 800), 1)])
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_covers_the_size(size: tuple[int, int], scale: int) -> None:
    squashed = InputSize(*size, keep_shape=False)
    loaded = load(encode(gradient(1600, 1200), "JPEG", quality=95), size=squashed)

    assert loaded.pixels.size == (1600 // scale, 1200 // scale)
    assert (loaded.width, loaded.height) == (1600, 1200)
    full = gradient(1600, 1200).resize(size[::-1], Image.Resampling.BILINEAR)
    assert mean_difference(loaded.to_array(squashed), np.asarray(full)) < 3


def test_one_load_serves_the_network_and_the_thumbnail() -> None:
    stream = encode(gradient(1600, 1200), "JPEG")
    size = InputSize(224, 224)
    loaded = load(stream, size=size)

    assert np.array_equal(loaded.to_array(size), decode(stream, size=size))
    small = Image.open(io.BytesIO(loaded.thumbnail(100)))
    assert (small.format, small.size) == ("JPEG", (100, 75))


def test_a_thumbnail_is_upright_and_never_enlarged() -> None:
    stream = encode(gradient(64, 40).transpose(TURNS[8]), "PNG", exif=exif_with_orientation(8))

    assert Image.open(io.BytesIO(thumbnail(stream, 320))).size == (64, 40)


def test_16_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for name in ("PNG", "TIFF"):
        pixels = decode(encode(Image.fromarray(ramp), name))
        assert np.array_equal(pixels[..., 0].ravel(), np.arange(256))


def test_a_palette_with_transparency_lies_on_grey() -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 0, 4, 8))

    pixels = decode(encode(image, "PNG", transparency=0))

    assert pixels[0, 0].tolist() == [0, 0, 255]
    assert pixels[0, 7].tolist() == [128, 128, 128]


@pytest.mark.parametrize(("mode", "colour"), [("LA", (200, 0)), ("RGBA", (200, 10, 10, 0))])
@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_what_is_transparent_is_grey(mode: str, colour: tuple[int, ...], name: str) -> None:
    image = Image.new(mode, (4, 4), colour)
    image.putpixel((3, 3), (*colour[:-1], 255))

    assert decode(encode(image, name))[0, 0].tolist() == [128, 128, 128]


def test_half_transparent_is_half_grey() -> None:
    pixels = decode(encode(Image.new("RGBA", (4, 4), (228, 28, 128, 128)), "PNG"))

    assert np.abs(pixels[0, 0].astype(int) - [178, 78, 128]).max() <= 1


def test_one_transparent_colour_of_an_opaque_png_is_grey() -> None:
    assert (
        decode(encode(Image.new("RGB", (4, 4), (9, 9, 9)), "PNG", transparency=(9, 9, 9)))[0, 0].tolist() == [128] * 3
    )


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(name: str) -> None:
    pixels = decode(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), name))

    assert np.abs(pixels[8, 8].astype(int) - [255, 0, 0]).max() <= 6


@pytest.mark.parametrize("name", ["PNG", "BMP", "TIFF"])
def test_black_and_white_spans_the_whole_range(name: str) -> None:
    image = Image.new("1", (8, 8), 0)
    image.paste(1, (0, 0, 4, 8))

    assert decode(encode(image, name))[0, [0, 7], 0].tolist() == [255, 0]


def test_grey_becomes_three_equal_channels() -> None:
    assert decode(encode(Image.new("L", (8, 8), 77), "PNG"))[3, 3].tolist() == [77, 77, 77]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
def test_it_refuses_a_cut_file(name: str, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    content = encode(noise, name).getvalue()
    cut = io.BytesIO(content[: int(len(content) * kept)])

    with pytest.raises(ImageError) as caught:
        load(cut, size=InputSize(1, 1))
    # A TIFF's directory of contents is at its end: without it there is nothing to be short of.
    assert caught.value.code == "truncated_image" or name == "TIFF"


def test_it_refuses_a_cut_progressive_jpeg() -> None:
    content = encode(gradient(400, 300), "JPEG", progressive=True).getvalue()

    with pytest.raises(ImageError) as caught:
        decode(io.BytesIO(content[:-200]), size=InputSize(20, 20))
    assert caught.value.code == "truncated_image"


def test_it_checks_pixels_before_decoding() -> None:
    with pytest.raises(ImageError) as caught:
        decode(encode(gradient(100, 100), "PNG"), limits=Limits(max_pixels=9_999))
    assert caught.value.code == "too_many_pixels"


def test_a_path_reads_like_a_stream(tmp_path: Path) -> None:
    stream = encode(gradient(), "PNG")
    (tmp_path / "part.png").write_bytes(stream.getvalue())

    assert np.array_equal(decode(tmp_path / "part.png"), decode(stream))


def test_it_refuses_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decode(tmp_path / "none.png")


def test_damaged_exif_does_not_hide_the_pixels() -> None:
    stream = encode(gradient(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff", quality=95)

    assert mean_difference(decode(stream), np.asarray(gradient())) < 6
