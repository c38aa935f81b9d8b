"""Whatever bytes arrive, the answer is pixels or an ImageError: no other exception may reach a request."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError, Limits, inspect_header
from mltasks.vision.types import InputSize
from tests.vision.sample_images import encode, gradient

FILES = {
    "jpeg": encode(gradient(), "JPEG").getvalue(),
    "progressive": encode(gradient(), "JPEG", progressive=True).getvalue(),
    "png": encode(gradient(), "PNG").getvalue(),
    "palette": encode(gradient().quantize(16), "PNG").getvalue(),
    "bmp": encode(gradient(), "BMP").getvalue(),
    "webp": encode(gradient(), "WEBP").getvalue(),
    "tiff": encode(gradient(), "TIFF").getvalue(),
    "lzw": encode(gradient(), "TIFF", compression="tiff_lzw").getvalue(),
}
CODES = {"invalid_image", "truncated_image", "unsupported_format", "too_many_pixels"}
LIMITS = Limits(max_pixels=1_000_000)
changes = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12)


def outcome(content: bytes) -> str:
    try:
        inspect_header(io.BytesIO(content), LIMITS)
        pixels = decode(io.BytesIO(content), size=InputSize(16, 16), limits=LIMITS)
    except ImageError as error:
        assert error.code in CODES
        return error.code
    assert pixels.shape == (16, 16, 3)
    return "pixels"


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_whole_to_begin_with(name: str) -> None:
    assert outcome(FILES[name]) == "pixels"


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=150)
@given(changes=changes, early=st.booleans(), cut=st.floats(0, 1) | st.none())
def test_changed_bytes_give_pixels_or_a_refusal(
    name: str, changes: list[tuple[float, int]], early: bool, cut: float | None
) -> None:
    content = bytearray(FILES[name])
    # Headers are short: half of the examples change nothing but the first 200 bytes.
    reach = min(200, len(content)) if early else len(content)
    for place, value in changes:
        content[min(int(place * reach), reach - 1)] = value
    end = len(content) if cut is None else int(cut * len(content))
    outcome(bytes(content[:end]))
