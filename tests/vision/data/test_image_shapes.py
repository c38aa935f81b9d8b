"""A part keeps its shape: fitted into the input, mirrored at its edges, and maps lead back to the place on the part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from mltasks.vision.data.decoding import decode, fit_placement, load, region_size
from mltasks.vision.serving.heatmaps import Heatmaps
from mltasks.vision.types import InputSize, Placement, Roi
from tests.vision.sample_images import encode, gradient

sides = st.integers(1, 5000)


def disc(width: int, height: int, radius: int) -> Image.Image:
    """A white disc in the middle of a black part."""
    image = Image.new("RGB", (width, height))
    x, y = width // 2, height // 2
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 255, 255))
    return image


def white_size(pixels: np.ndarray) -> tuple[int, int]:
    """How wide and how high the white is."""
    white = pixels[..., 0] > 127
    return int(white.any(0).sum()), int(white.any(1).sum())


@pytest.mark.parametrize("shape", [(600, 200), (200, 600), (400, 400), (900, 300)])
@pytest.mark.parametrize("size", [InputSize(96, 96), InputSize(64, 160), InputSize(160, 64)])
def test_a_circle_stays_round(shape: tuple[int, int], size: InputSize) -> None:
    inside = fit_placement(*shape, size)
    pixels = decode(encode(disc(*shape, 90), "PNG"), size=size)
    part = pixels[inside.top : inside.top + inside.height, inside.left : inside.left + inside.width]

    wide, high = white_size(part)
    assert pixels.shape == (*size[:2], 3)
    assert wide == pytest.approx(high, abs=1)
    assert wide == pytest.approx(181 * inside.width / shape[0], abs=1.5)


def test_a_version_that_squashes_still_does() -> None:
    pixels = decode(encode(disc(600, 200, 90), "PNG"), size=InputSize(96, 96, keep_shape=False))

    wide, high = white_size(pixels)
    assert high == pytest.approx(3 * wide, abs=3)
    assert fit_placement(600, 200, InputSize(96, 96, keep_shape=False)) == Placement(0, 0, 96, 96)


@given(width=sides, height=sides, across=sides, down=sides)
def test_a_placement_is_as_large_as_fits_and_in_the_middle(width: int, height: int, across: int, down: int) -> None:
    left, top, w, h = fit_placement(width, height, InputSize(down, across))

    assert 0 < w <= across and 0 < h <= down
    assert w == across or h == down
    # In the middle to the pixel, and of the region's shape to half a pixel (but never thinner than one).
    assert left == (across - w) // 2 and top == (down - h) // 2
    scale = min(across / width, down / height)
    assert w == pytest.approx(width * scale, abs=0.5001) or w == 1
    assert h == pytest.approx(height * scale, abs=0.5001) or h == 1


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_left_is_filled_with_the_parts_own_mirror(turned: bool) -> None:
    image = gradient(90, 60)
    pixels = decode(
        encode(image.transpose(Image.Transpose.ROTATE_90) if turned else image, "PNG"), size=InputSize(90, 90)
    )
    if turned:
        pixels = np.rot90(pixels, -1)
    top, part, bottom = np.split(pixels, [15, 75])

    assert np.array_equal(part, np.asarray(image))
    assert np.array_equal(top, part[:15][::-1])
    assert np.array_equal(bottom, part[-15:][::-1])


def test_a_wire_fills_the_input_with_its_mirrors() -> None:
    wire = Image.fromarray(np.tile(np.array([[[10] * 3], [[200] * 3]], np.uint8), (1, 96, 1)))

    column = decode(encode(wire, "PNG"), size=InputSize(64, 96))[:, 5, 0]

    # Mirrored again and again, every row of the part is doubled.
    assert set(column.tolist()) == {10, 200}
    assert (np.diff(np.flatnonzero(np.diff(column.astype(int)))) == 2).all()


@pytest.mark.parametrize(
    ("size", "scale"),
    [
        # The part is 1600 × 400: only its width counts.
        (InputSize(200, 200), 8),
        (InputSize(50, 200), 8),
        (InputSize(200, 201), 4),
        (InputSize(51, 800), 4),
        (InputSize(200, 800), 2),
        (InputSize(100, 1000), 4),
        (InputSize(800, 801), 1),
    ],
)
def test_a_jpeg_is_decoded_at_the_smallest_scale_that_covers_the_part(size: InputSize, scale: int) -> None:
    loaded = load(encode(gradient(1600, 400), "JPEG", quality=95), size=size)
    inside = loaded.placement(size)

    assert loaded.pixels.size == (1600 // scale, 400 // scale)
    assert loaded.pixels.width >= inside.width and loaded.pixels.height >= inside.height


def test_the_scale_covers_a_small_region_of_a_large_picture() -> None:
    roi, size = Roi(200, 100, 400, 100), InputSize(64, 64)
    loaded = load(encode(gradient(1600, 800), "JPEG", quality=95), roi=roi, size=size)
    inside = loaded.placement(size)

    assert (inside.width, inside.height) == (64, 16)
    assert loaded.box[2] - loaded.box[0] >= 64 and loaded.box[3] - loaded.box[1] >= 16
    assert loaded.pixels.width == 400
    wanted = gradient(1600, 800).crop((200, 100, 600, 200)).resize((64, 16), Image.Resampling.BILINEAR)
    part = loaded.to_array(size)[inside.top : inside.top + 16].astype(int)
    assert np.abs(part - np.asarray(wanted).astype(int)).mean() < 3


def test_the_regions_own_size_is_in_pixels_of_the_upright_picture() -> None:
    stream = encode(gradient(1600, 1200), "JPEG")

    assert region_size(stream) == (1600, 1200)
    assert region_size(stream, Roi(1500, 100, 500, 300)) == (100, 300)


@pytest.mark.parametrize("shape", [(800, 200), (200, 800), (500, 400)])
@pytest.mark.parametrize("roi", [None, Roi(20, 30, 170, 160)])
@pytest.mark.parametrize("spot", [(40, 50), (150, 150), (100, 180)])
@pytest.mark.parametrize("keep_shape", [True, False])
def test_a_maps_peak_lands_on_the_defect(
    shape: tuple[int, int], roi: Roi | None, spot: tuple[int, int], keep_shape: bool
) -> None:
    image = Image.new("RGB", shape, (20, 20, 20))
    ImageDraw.Draw(image).ellipse((spot[0] - 9, spot[1] - 9, spot[0] + 9, spot[1] + 9), fill=(255, 255, 255))
    size = InputSize(160, 128, keep_shape)
    loaded = load(encode(image, "PNG"), roi=roi, size=size)
    # What a network's cells would say that finds what is bright
    cells = loaded.to_array(size)[..., 0].reshape(10, 16, 8, 16).mean((1, 3)).astype(np.float32) / 255

    inside = loaded.placement(size)
    found = Heatmaps(cells, cells).crop_to(inside, size)

    region = roi or Roi(0, 0, *shape)
    for values in (found.evidence, found.anomaly):
        assert values.shape == (inside.height, inside.width)
        y, x = np.unravel_index(values.argmax(), values.shape)
        # To the cell: 16 pixels of the input
        assert region.x + (x + 0.5) * region.width / inside.width == pytest.approx(
            spot[0], abs=16 * region.width / inside.width
        )
        assert region.y + (y + 0.5) * region.height / inside.height == pytest.approx(
            spot[1], abs=16 * region.height / inside.height
        )
