"""Scans of a JPEG: a small file may ask for hundreds of passes over a large image."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image

from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError, Limits
from mltasks.vision.types import InputSize
from tests.vision.sample_images import encode, gradient


def with_last_scan_repeated(content: bytes, times: int) -> bytes:
    """The JPEG with its last scan so many times more."""
    start = content.rindex(b"\xff\xda")
    return content[:-2] + content[start:-2] * times + b"\xff\xd9"


def refusal(content: bytes, limits: Limits | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode(io.BytesIO(content), size=InputSize(224, 224), limits=limits or Limits())
    return caught.value


def test_it_refuses_a_scan_bomb_before_decoding_it() -> None:
    flat = encode(Image.new("L", (8000, 6000), 90), "JPEG", progressive=True).getvalue()
    bomb = with_last_scan_repeated(flat, 300)
    assert len(bomb) < 400_000

    began = time.perf_counter()
    error = refusal(bomb)

    assert time.perf_counter() - began < 1
    assert error.code == "too_many_pixels"
    assert "scans" in error.detail
    assert "baseline" in error.detail


def test_it_refuses_thousands_of_scans_of_a_small_image() -> None:
    content = encode(gradient(), "JPEG", progressive=True).getvalue()

    assert refusal(with_last_scan_repeated(content, 2000)).code == "too_many_pixels"


def test_it_refuses_millions_of_segments() -> None:
    content = encode(gradient(), "JPEG").getvalue()
    start = content.index(b"\xff\xda")

    assert refusal(content[:start] + b"\xff\xfe\0\2" * 20_000 + content[start:]).code == "invalid_image"


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_what_encoders_write_is_accepted_at_the_limit_of_pixels(mode: str) -> None:
    image = Image.fromarray(np.asarray(gradient(400, 300))).convert(mode)
    content = encode(image, "JPEG", progressive=True).getvalue()

    assert decode(io.BytesIO(content), limits=Limits(max_pixels=400 * 300)).shape == (300, 400, 3)


def test_scans_of_a_preview_behind_the_image_do_not_count() -> None:
    content = encode(gradient(), "JPEG").getvalue()
    bomb = with_last_scan_repeated(encode(gradient(), "JPEG", progressive=True).getvalue(), 200)

    assert np.array_equal(decode(io.BytesIO(content + bomb)), decode(io.BytesIO(content)))
