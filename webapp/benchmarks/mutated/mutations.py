"""Mutated images of drawn parts, by seed: bytes flipped, cut, repeated; all sizes and modes."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image

from mltasks.vision.drawing.draw_part import draw_part
from mltasks.vision.drawing.plates import PartKind

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
MODES = ("RGB", "L", "RGBA", "P", "CMYK", "I;16", "1", "LA")
# Width and height; one in ``huge_every`` images is as large as the pixel limit allows.
SIZES = ((360, 665), (665, 360), (97, 31), (1600, 1200), (2448, 2048), (64, 3000))
HUGE, HUGE_EVERY = ((7000, 7000), (4000, 12_000), (12_400, 4000)), 40
# Fastest options of each format
FAST_OPTIONS = {"WEBP": {"method": 0}, "PNG": {"compress_level": 1}}
DRAWN_PARTS = 6


class Mutations:
    """Images by number, drawn and encoded on demand; the same seed gives the same images."""

    def __init__(self, seed: int = 1, *, huge_every: int = HUGE_EVERY) -> None:
        self._seed, self._huge_every = seed, huge_every
        kinds = (PartKind.GOOD, PartKind.SCRATCH, PartKind.EXCESS)
        self._parts = [
            draw_part(kinds[number % 3], seed + number).image.convert("RGB") for number in range(DRAWN_PARTS)
        ]

    def whole(self, number: int) -> bytes:
        """Return the bytes of an intact image."""
        out = io.BytesIO()
        self._parts[number % DRAWN_PARTS].save(out, "JPEG", quality=95)
        return out.getvalue()

    def image(self, number: int) -> bytes:
        """Return the bytes of one mutated image."""
        rng = random.Random(f"{self._seed}-{number}")  # noqa: S311 (no secret)
        huge = number % self._huge_every == self._huge_every - 1
        size = rng.choice(HUGE if huge else SIZES)
        content = _encoded(self._parts[number % DRAWN_PARTS].resize(size), rng)
        return rng.choice(_MUTATIONS)(content, rng)


def _encoded(image: Image.Image, rng: random.Random) -> bytes:
    name, mode = rng.choice(FORMATS), rng.choice(MODES)
    options = {"progressive": rng.random() < 0.5, "quality": rng.choice((30, 75, 95))} if name == "JPEG" else {}
    for candidate in (mode, "RGB"):
        out = io.BytesIO()
        try:
            changed = image.convert("L").convert("I;16") if candidate == "I;16" else image.convert(candidate)
            changed.save(out, name, **FAST_OPTIONS.get(name, options))
        except (OSError, ValueError):
            continue  # the format has no such mode
        return out.getvalue()
    raise AssertionError(f"{name} has no RGB")


def _as_it_is(content: bytes, rng: random.Random) -> bytes:
    return content


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 3, 30, 300))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _flipped_head(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 5))):
        changed[rng.randrange(min(200, len(changed)))] = rng.randrange(256)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _cut_with_end(content: bytes, rng: random.Random) -> bytes:
    return _cut(content, rng) + b"\xff\xd9"


def _repeated(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    piece = content[start : start + rng.choice((10, 1000, 100_000))]
    return content[:start] + piece * rng.choice((2, 5)) + content[start:]


def _trailed(content: bytes, rng: random.Random) -> bytes:
    return content + rng.randbytes(rng.choice((1, 1000, 1_000_000)))


_MUTATIONS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_as_it_is, _flipped, _flipped, _flipped_head, _cut, _cut_with_end, _repeated, _trailed),
)
