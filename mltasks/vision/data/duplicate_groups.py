"""Grouping of near-duplicate images into parts where no part id exists.

Parts photographed in one fixture all look alike. So similarity is measured after the population's common content is
subtracted, and a pair must stand out from the backdrop (the next similar images). Needs numpy and Pillow only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mltasks.vision.data.decoding import Source, load
from mltasks.vision.data.disjoint_sets import DisjointSets
from mltasks.vision.data.duplicate_pairs import MIN_IMAGES, near_duplicate_pairs
from mltasks.vision.data.image_header import DEFAULT_LIMITS, ImageError, Limits
from mltasks.vision.types import InputSize, Roi, Sample

TEXTURE_SIDE = 64
# Reach of the local mean and contrast that are removed, in pixels of the thumbnail: exposure and shading vanish.
BLUR_SIGMA = 2.0
# Contrasts below one gray level are camera noise.
CONTRAST_FLOOR = 1.0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Comparable content of an image: the region's upright size in pixels and its texture.

    ``texture`` is the 64 × 64 gray thumbnail without local mean and contrast (float16, about -3 to 3).
    """

    width: int
    height: int
    texture: NDArray[np.float16]

    def __post_init__(self) -> None:
        if self.texture.shape != (TEXTURE_SIDE, TEXTURE_SIDE) or not np.isfinite(self.texture).all():
            raise ValueError(
                f"A fingerprint's texture is {TEXTURE_SIDE} x {TEXTURE_SIDE} finite numbers, not {self.texture.shape}."
            )
        if min(self.width, self.height) < 1:
            raise ValueError(f"A fingerprint's size is positive, not {self.width} x {self.height}.")


def fingerprint(
    source: Source, roi: Roi | None = None, *, limits: Limits = DEFAULT_LIMITS, bit_depth: int | None = None
) -> Fingerprint:
    """Compute the fingerprint of one image.

    Raises as ``decoding.load``: ImageError, or OSError if a path can't be opened.
    """
    size = InputSize(TEXTURE_SIDE, TEXTURE_SIDE, keep_shape=False)
    loaded = load(source, roi=roi, size=size, limits=limits, bit_depth=bit_depth)
    left, top, right, bottom = loaded.box
    grey = loaded.pixels.convert("L").crop((int(left), int(top), -int(-right // 1), -int(-bottom // 1)))
    # Float before the resize: the relief of a dark part is a few gray levels.
    small = grey.convert("F").resize((TEXTURE_SIDE, TEXTURE_SIDE), Image.Resampling.BILINEAR)
    return Fingerprint(
        width=max(1, round((right - left) * loaded.width / loaded.pixels.width)),
        height=max(1, round((bottom - top) * loaded.height / loaded.pixels.height)),
        texture=_texture(np.asarray(small, dtype=np.float32)),
    )


def group_near_duplicates(fingerprints: Sequence[Fingerprint]) -> list[int]:
    """Return one group number per image, from 0 by first appearance; near-duplicates share one.

    Chains of near-duplicates are one group. The groups don't depend on the order. Fewer than eight images are never
    grouped.
    """
    count = len(fingerprints)
    if count < MIN_IMAGES:
        return list(range(count))
    contents = [(image.width, image.height, image.texture.tobytes()) for image in fingerprints]
    # A fixed order, so that ties and rounding don't depend on the caller
    order = sorted(range(count), key=contents.__getitem__)
    joined = DisjointSets[int]()
    for first, second in near_duplicate_pairs(*stack_fingerprints([fingerprints[at] for at in order])):
        joined.join(joined.find(order[second]), joined.find(order[first]))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(joined.find(at), len(numbers)) for at in range(count)]


def stack_fingerprints(fingerprints: Sequence[Fingerprint]) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Return the textures ``[n, 64, 64]`` and the sizes ``[n, 2]`` (width, height)."""
    sizes = [(image.width, image.height) for image in fingerprints]
    return np.stack([image.texture for image in fingerprints]), np.array(sizes)


def file_group(sha256: str) -> str:
    """Return the group of an image known by its file only."""
    return f"file {sha256}"


def group_samples(samples: Sequence[Sample], has_part_id: Sequence[bool]) -> list[Sample]:
    """Return the samples, in their order, with ``group`` set.

    A part id's group stays. Near-duplicates without part id join the part they resemble (of several the least name), or
    else share the least of their own names. An unreadable image stays alone: training reads the image again and reports
    its name.

    Raises ValueError unless there is one flag per sample.
    """
    if len(samples) != len(has_part_id):
        raise ValueError(f"{len(samples)} samples came with {len(has_part_id)} flags.")
    if all(has_part_id):
        return list(samples)
    fingerprints = {at: image for at, sample in enumerate(samples) if (image := _fingerprint_or_none(sample))}
    groups: dict[int, list[int]] = {}
    for at, number in zip(fingerprints, group_near_duplicates(list(fingerprints.values())), strict=True):
        groups.setdefault(number, []).append(at)
    group_of: dict[int, str] = {}
    for members in groups.values():
        named = [at for at in members if has_part_id[at]] or members
        group_of.update(dict.fromkeys(members, min(samples[at].group for at in named)))
    return [
        sample if has_part_id[at] else replace(sample, group=group_of.get(at, sample.group))
        for at, sample in enumerate(samples)
    ]


def _fingerprint_or_none(sample: Sample) -> Fingerprint | None:
    try:
        return fingerprint(Path(sample.path), sample.roi, bit_depth=sample.bit_depth)
    except (ImageError, OSError):
        return None


def _texture(grey: NDArray[np.float32]) -> NDArray[np.float16]:
    """Remove local mean and contrast from gray levels ``[side, side]`` (Jarrett et al., 2009)."""
    steps = np.arange(TEXTURE_SIDE, dtype=np.float32)
    blur = np.exp(-((steps[:, None] - steps) ** 2) / (2 * BLUR_SIGMA**2))
    blur /= blur.sum(1, keepdims=True)
    detail = grey - blur @ grey @ blur.T
    contrast = np.sqrt(blur @ (detail * detail) @ blur.T) + CONTRAST_FLOOR
    return np.asarray(detail / contrast, dtype=np.float16)
