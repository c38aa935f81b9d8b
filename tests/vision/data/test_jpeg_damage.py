"""JPEG files with an end marker that are damaged all the same: libjpeg decodes them and only warns."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode, load
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.types import InputSize
from tests.vision.sample_images import encode

SIZES = [(360, 665), (61, 43), (7, 7), (801, 603)]
WAYS: list[dict[str, object]] = [
    {},
    {"progressive": True},
    {"subsampling": 0},
    {"subsampling": "4:1:1", "quality": 30},
    {"restart_marker_blocks": 3},
    {"keep_rgb": True},
]


def textured(width: int, height: int) -> Image.Image:
    down, across = np.mgrid[0:height, 0:width]
    shade = (120 + 60 * np.sin(across / 37) + 40 * np.cos(down / 23))[..., None]
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3))
    return Image.fromarray((shade + noise).clip(0, 255).astype(np.uint8))


def jpeg(width: int = 360, height: int = 665, **options: object) -> bytes:
    return encode(textured(width, height), "JPEG", **{"quality": 85, **options}).getvalue()


def truncate_scan(content: bytes, share: float) -> bytes:
    """Return the file with that share of its scan, and an end marker."""
    start = content.index(b"\xff\xda")
    return content[: start + int((len(content) - start) * share)] + b"\xff\xd9"


def flip_bytes(content: bytes, seed: int) -> bytes:
    """Three bytes of the scan inverted; the markers stay."""
    generator, changed = random.Random(seed), bytearray(content)
    start = content.index(b"\xff\xda") + 20
    for _ in range(3):
        changed[generator.randrange(start, len(content) - 2)] ^= 0xFF
    return bytes(changed)


def outcome(content: bytes) -> str:
    try:
        return load(io.BytesIO(content), size=InputSize(224, 224)).damage and "damaged"
    except ImageError as error:
        return error.code


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("size", SIZES)
def test_whole_files_have_the_pixels_that_pillow_gives(size: tuple[int, int], options: dict[str, object]) -> None:
    for mode in ("RGB", "L") if "keep_rgb" not in options else ("RGB",):
        content = encode(textured(*size).convert(mode), "JPEG", **options).getvalue()
        for scale in (1, 2, 4, 8):
            with Image.open(io.BytesIO(content)) as plain:
                wanted = [max(1, side // scale) for side in size]
                plain.draft("RGB", (wanted[0], wanted[1]))
                pixels = np.asarray(plain.convert("RGB"))
            loaded = load(io.BytesIO(content), size=InputSize(wanted[1], wanted[0], keep_shape=False))
            assert loaded.damage == ""
            assert np.array_equal(np.asarray(loaded.pixels), pixels)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_it_refuses_a_short_scan_with_an_end_marker(share: float, progressive: bool, mode: str) -> None:
    content = encode(textured(360, 665).convert(mode), "JPEG", quality=85, progressive=progressive).getvalue()

    assert outcome(truncate_scan(content, share)) == "truncated_image"


@pytest.mark.parametrize("progressive", [False, True])
def test_changed_bytes_that_the_decoder_sees_are_damage(progressive: bool) -> None:
    content = jpeg(quality=95, progressive=progressive)

    outcomes = [outcome(flip_bytes(content, seed)) for seed in range(40)]

    assert outcomes.count("damaged") >= 15
    assert decode(io.BytesIO(flip_bytes(content, outcomes.index("damaged")))).shape == (665, 360, 3)


def test_a_progressive_file_without_its_last_scan_is_damaged() -> None:
    content = jpeg(progressive=True)

    assert outcome(content[: content.rindex(b"\xff\xda")] + b"\xff\xd9") == "damaged"


def test_a_damaged_cmyk_file_is_told_too() -> None:
    content = encode(textured(360, 665).convert("CMYK"), "JPEG", quality=95).getvalue()

    assert outcome(content) == ""
    assert outcome(truncate_scan(content, 0.9)) == "truncated_image"


def test_an_unknown_revision_of_the_header_is_no_damage() -> None:
    content = jpeg()
    assert content[6:11] == b"JFIF\0"

    assert outcome(content[:11] + b"\x09" + content[12:]) == ""


def test_bytes_behind_the_end_are_no_damage() -> None:
    assert outcome(jpeg() + b"trailing" * 9) == ""
