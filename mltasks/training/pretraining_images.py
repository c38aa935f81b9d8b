"""Which stored images teach a backbone: a sample that keeps clear of the labeled ones where it can."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mltasks.vision.pretrain.pretraining_config import PlantImage
from mltasks.vision.types import Roi

# From so many unlabeled images on, the labeled ones are left out: the measurement is cleaner and nothing is missed.
MIN_UNLABELED = 500


@dataclass(frozen=True, slots=True)
class PretrainingImage:
    """An image below MEDIA_ROOT with its region ``X,Y,W,H`` (or none); ``labeled`` when it or its part has a label."""

    name: str
    sha256: str
    roi: str = ""
    labeled: bool = False
    bit_depth: int | None = None

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> Self:
        """Read an image of a run's list, which has no bit depth in older ones."""
        name, sha256, roi, *depth = row
        return cls(name, sha256, roi, bit_depth=depth[0] if depth else None)

    def to_json(self) -> list[Any]:
        """Return the image as a run's list has it."""
        return [self.name, self.sha256, self.roi, self.bit_depth]

    def as_plant_image(self, media_root: Path) -> PlantImage:
        """The science floor's view of it."""
        return PlantImage(media_root / self.name, self.sha256, Roi.from_stored(self.roi), self.bit_depth)


@dataclass(frozen=True, slots=True)
class ImageSelection:
    """The images of a lesson, and whether labeled ones are among them."""

    images: tuple[PretrainingImage, ...]
    saw_labeled: bool


def select_images(images: Iterable[PretrainingImage], count: int, seed: int) -> ImageSelection:
    """Draw at most ``count`` different images by seed and hash, whatever the order they come in.

    Labeled images measure the backbone, so they are left out when the unlabeled ones are as many as wanted, or 500.
    """
    different = {one.sha256: one for one in images}
    unlabeled = [one for one in different.values() if not one.labeled]
    clean = len(unlabeled) >= min(count, MIN_UNLABELED)
    drawn = sorted(unlabeled if clean else different.values(), key=lambda one: _shuffle_key(seed, one.sha256))[:count]
    return ImageSelection(tuple(drawn), saw_labeled=any(one.labeled for one in drawn))


def _shuffle_key(seed: int, sha256: str) -> str:
    return hashlib.sha256(f"{seed}:{sha256}".encode()).hexdigest()
