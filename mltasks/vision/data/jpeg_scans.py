"""Scans of a JPEG, read from its markers before a pixel is decoded (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mltasks.vision.data.image_header import ImageError, Limits

# A scan of 73 bytes can cost a whole pass over the image. Encoders write 10 to 18 scans.
MAX_SCANS = 100
# Limit for images at the pixel limit; smaller images may have up to MAX_SCANS.
MAX_SCANS_AT_LIMIT = 20
MAX_SEGMENTS = 10_000
COEFFICIENTS = 64
SOS, EOI = 0xDA, 0xD9
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
FRAMES = (0xC0, 0xC1, 0xC3, 0xC5, 0xC7, 0xC9, 0xCB, 0xCD, 0xCF, *PROGRESSIVE)
# In entropy-coded data 0xFF is followed by 0x00 (stuffing), by another 0xFF (fill) or by a restart marker.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


@dataclass(slots=True)
class Scans:
    """Number of scans, position of the last scan's marker, and the frame that the scans fill.

    ``sampling`` is the size of a minimum coded unit in blocks of 8 × 8 (across, down). ``missing_bits`` counts, for
    each component and coefficient of a progressive JPEG, the bits that no scan has sent.
    """

    count: int = 0
    last: int = 0
    progressive: bool = False
    sampling: tuple[int, int] = (1, 1)
    missing_bits: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def incomplete(self) -> bool:
        """Return True if a progressive JPEG lacks scans, so that its image lacks detail."""
        return self.progressive and any(self.missing_bits.values())


def read_scans(data: bytes) -> Scans:
    """Return the scans of the first image in the data.

    Raises ImageError for more than MAX_SEGMENTS segments.
    """
    scans = Scans()
    for marker, position, body in _segments(data):
        if marker in FRAMES and not scans.missing_bits:
            _read_frame(scans, marker, body)
        elif marker == SOS:
            scans.count += 1
            scans.last = position
            _read_scan(scans, body)
    return scans


def check_scans(scans: Scans, width: int, height: int, limits: Limits) -> None:
    """Raise ImageError ``too_many_pixels`` if a JPEG's scans cost too much to decode."""
    pixels = max(1, width * height)
    limit = min(MAX_SCANS, max(MAX_SCANS_AT_LIMIT, MAX_SCANS_AT_LIMIT * limits.max_pixels // pixels))
    if scans.count > limit:
        raise ImageError(
            "too_many_pixels",
            f"The JPEG has {scans.count} scans of {width} × {height} pixels; at most {limit} are accepted at that "
            "size. Save it as a baseline JPEG, which has one scan.",
        )


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, position and body of each segment up to the image's end."""
    position = 2
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(data, position)
        if match is None or data[match.end() - 1] == EOI:
            return
        start = match.end()
        length = max(2, int.from_bytes(data[start : start + 2], "big"))
        yield data[start - 1], match.start(), data[start + 2 : start + length]
        position = start + length
    raise ImageError("invalid_image", f"The JPEG has more than {MAX_SEGMENTS:,} segments. Save it again.")


def _read_frame(scans: Scans, marker: int, body: bytes) -> None:
    components = [body[at : at + 3] for at in range(6, len(body) - 2, 3)]
    scans.progressive = marker in PROGRESSIVE
    if len(components) > 1:
        scans.sampling = (max(part[1] >> 4 for part in components), max(part[1] & 15 for part in components))
    # 16: one bit more than a first scan can leave out, as nothing was sent yet
    scans.missing_bits = {(part[0], at): 16 for part in components for at in range(COEFFICIENTS)}


def _read_scan(scans: Scans, body: bytes) -> None:
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        return
    first, last, accuracy = body[1 + 2 * count : 4 + 2 * count]
    for at in range(count):
        for coefficient in range(first, min(last, COEFFICIENTS - 1) + 1):
            scans.missing_bits[body[1 + 2 * at], coefficient] = accuracy & 15
