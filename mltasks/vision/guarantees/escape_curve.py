"""Scores of labeled defective parts and of good images, from which the escape guarantee chooses the pass region.

Pure arithmetic; imports nothing heavy.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, Self

from mltasks.vision.types import DEFECT, GOOD

# Lengths of the lists in meta.json, which scoring reads with every part. A guarantee that allows more escapes than the
# stored parts is evaluated with these parts, which is stricter.
MAX_STORED_PARTS = 400
MAX_STORED_GOOD_IMAGES = 200
GOOD_DIGITS = 4


class ImageScores(NamedTuple):
    """Calibrated defect probability of an image, and its novelty over the threshold."""

    probability: float
    novelty: float


@dataclass(frozen=True, slots=True)
class PassRegion:
    """Scores that pass: a probability and a novelty below both ends."""

    below_probability: float
    below_novelty: float

    def contains(self, image: ImageScores) -> bool:
        """Return True if an image with these scores passes."""
        return image.probability < self.below_probability and image.novelty < self.below_novelty


@dataclass(frozen=True)
class EscapeCurve:
    """Out-of-fold scores of labeled defective parts, one image each.

    - ``probabilities``: the probability of each part's image, ascending. If there are fewer than ``part_count``, the
      parts with higher probabilities are left out.
    - ``novelty``: novelty of the same images. Empty for versions from before this list: their guarantee is about the
      probability alone.
    - ``good``: a sample of good images. They choose between regions that keep the same guarantee.

    Raises ValueError for no part, descending probabilities and lists that do not match.
    """

    probabilities: tuple[float, ...]
    part_count: int
    novelty: tuple[float, ...] = ()
    good: tuple[ImageScores, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.probabilities) <= self.part_count or any(a > b for a, b in pairwise(self.probabilities)):
            raise ValueError("An escape curve needs ascending probabilities of defective parts.")
        if len(self.novelty) not in (0, len(self.probabilities)):
            raise ValueError("An escape curve needs the novelty of each part.")

    @classmethod
    def from_images(
        cls,
        probabilities: Sequence[float],
        novelty: Sequence[float],
        targets: Sequence[int],
        parts: Sequence[str],
    ) -> Self:
        """Build the curve from images.

        Of several defective images of a part, one counts; it is drawn by the part's name, whatever the scores. Images
        of a defective part that are labeled good are ignored: they may not show the part's defect. Raises ValueError
        without a defective image.
        """
        images = [ImageScores(float(p), float(v)) for p, v in zip(probabilities, novelty, strict=True)]
        defective: dict[str, list[ImageScores]] = {}
        for image, target, part in zip(images, targets, parts, strict=True):
            if target == DEFECT:
                defective.setdefault(part, []).append(image)
        drawn = sorted(shown[zlib.crc32(part.encode()) % len(shown)] for part, shown in defective.items())
        stored = drawn[:MAX_STORED_PARTS]
        return cls(
            tuple(image.probability for image in stored),
            len(drawn),
            tuple(image.novelty for image in stored),
            _sample_evenly([image for image, target in zip(images, targets, strict=True) if target == GOOD]),
        )

    @property
    def is_joint(self) -> bool:
        """Return True if the curve knows the novelty of its parts."""
        return bool(self.novelty)

    @cached_property
    def images(self) -> tuple[ImageScores, ...]:
        """Return the image of each stored part. Without a known novelty no image is novel."""
        novelty = self.novelty or (0.0,) * len(self.probabilities)
        return tuple(ImageScores(*scores) for scores in zip(self.probabilities, novelty, strict=True))

    @property
    def highest_end(self) -> float:
        """Return the highest end of probabilities for which the curve knows every part below it."""
        return self.probabilities[-1] if len(self.probabilities) < self.part_count else math.inf

    def count_escapes(self, region: PassRegion) -> int:
        """Count the parts that pass.

        If parts that were left out could pass too, all parts count, so the count is never too low.
        """
        if region.below_probability > self.highest_end:
            return self.part_count
        return sum(map(region.contains, self.images))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "lowest": list(self.probabilities),
            "parts": self.part_count,
            "novelty": list(self.novelty),
            "good": [list(image) for image in self.good],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the result of ``to_json``, also of earlier releases, which stored probabilities alone.

        Raises KeyError or ValueError for anything else.
        """
        return cls(
            tuple(map(float, values["lowest"])),
            int(values["parts"]),
            tuple(map(float, values.get("novelty", ()))),
            tuple(ImageScores(float(p), float(v)) for p, v in values.get("good", ())),
        )


def _sample_evenly(images: Sequence[ImageScores]) -> tuple[ImageScores, ...]:
    """Return at most MAX_STORED_GOOD_IMAGES images at even ranks of their probabilities, rounded."""
    ordered, count = sorted(images), min(len(images), MAX_STORED_GOOD_IMAGES)
    chosen = [ordered[(2 * at + 1) * len(ordered) // (2 * count)] for at in range(count)]
    return tuple(ImageScores(*(float(f"{score:.{GOOD_DIGITS}g}") for score in image)) for image in chosen)
