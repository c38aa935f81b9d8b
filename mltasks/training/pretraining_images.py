"""Selection of stored images for pretraining; labeled images are left out if possible."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from mltasks.vision.pretrain.pretraining_config import PlantImage
from mltasks.vision.types import Roi

# With at least this many unlabeled images the labeled ones are left out: the measurement is cleaner, at no loss.
MIN_UNLABELED = 500


@dataclass(frozen=True, slots=True)
class PretrainingImage:
    """Image below MEDIA_ROOT with its region ``X,Y,W,H`` (or none).

    ``labeled`` is true if the image or its part has a label.
    """

    name: str
    sha256: str
    roi: str = ""
    labeled: bool = False
    bit_depth: int | None = None

    @classmethod
    def from_json(cls, row: Sequence[Any]) -> Self:
        """Read an image of a run's list; older lists have no bit depth."""
        name, sha256, roi, *depth = row
        return cls(name, sha256, roi, bit_depth=depth[0] if depth else None)

    def to_json(self) -> list[Any]:
        """Return the image's entry in a run's list."""
        return [self.name, self.sha256, self.roi, self.bit_depth]

    def as_plant_image(self, media_root: Path) -> PlantImage:
        """Return the image for pretraining, with its path under ``media_root``."""
        return PlantImage(media_root / self.name, self.sha256, Roi.from_stored(self.roi), self.bit_depth)


@dataclass(frozen=True, slots=True)
class ImageSelection:
    """Images of a pretraining run; ``saw_labeled`` is true if labeled ones are among them."""

    images: tuple[PretrainingImage, ...]
    saw_labeled: bool


def select_images(images: Iterable[PretrainingImage], count: int, seed: int) -> ImageSelection:
    """Sample at most ``count`` different images by seed and hash, independent of their order.

    Labeled images measure the backbone. They are left out if there are ``count`` or 500 unlabeled images.
    """
    distinct = {image.sha256: image for image in images}
    unlabeled = [image for image in distinct.values() if not image.labeled]
    candidates = unlabeled if len(unlabeled) >= min(count, MIN_UNLABELED) else distinct.values()
    sample = sorted(candidates, key=lambda image: hashlib.sha256(f"{seed}:{image.sha256}".encode()).digest())[:count]
    return ImageSelection(tuple(sample), saw_labeled=any(image.labeled for image in sample))
