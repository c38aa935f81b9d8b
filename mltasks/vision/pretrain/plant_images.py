"""A plant's stored images as a pool to distil on: one tile of each, at the scale that the product's network sees."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.decoding import decode
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.pretrain.image_pool import ImagePool
from mltasks.vision.pretrain.pretraining_config import PlantImage
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import InputSize

# Fewer than this share readable means that a disk or a restore went wrong: nothing to teach quietly on.
MIN_READABLE_SHARE = 0.5


class ImagesLost(ValueError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Most of the images that a lesson names are missing from disk or changed."""


def load_plant_images(
    path: Path, images: Sequence[PlantImage], size: InputSize, side: int, seed: int, stage: Stage
) -> ImagePool:
    """Return uint8 (n, side, side, 3), cut first where ``path`` lacks it: n is the number of readable pictures.

    Each picture is decoded as training does, its region at ``size``; the tile's place comes from the seed and the
    picture alone. Raises PicturesLost when most can't be read.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut_tiles(path, images, size, side, seed, stage)
    pool: ImagePool = np.load(path, mmap_mode="r", allow_pickle=False)
    return pool


def _cut_tiles(path: Path, images: Sequence[PlantImage], size: InputSize, side: int, seed: int, stage: Stage) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    shape = (len(images), side, side, 3)
    tiles = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
    kept = 0
    for number, picture in enumerate(images, start=1):
        pixels = _read(picture, size)
        if pixels is not None:
            tiles[kept] = random_tile(pixels, side, derive_seed(seed, "tile", picture.sha256))
            kept += 1
        if number % 50 == 0 or number == len(images):
            stage.report(number / len(images), f"image {number} of {len(images)}")
    if kept < max(1, MIN_READABLE_SHARE * len(images)):
        unfinished.unlink()
        raise ImagesLost(f"Only {kept} of {len(images)} stored images could be read. Is MEDIA_ROOT whole?")
    tiles.flush()
    if kept < len(images):
        np.save(unfinished.with_suffix(".npy"), tiles[:kept])
        unfinished.with_suffix(".npy").replace(unfinished)
    unfinished.replace(path)


def _read(image: PlantImage, size: InputSize) -> NDArray[np.uint8] | None:
    """The picture at the network's size; None when it is missing, changed or unreadable."""
    try:
        with image.path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != image.sha256:
                return None
        return decode(image.path, roi=image.roi, size=size, bit_depth=image.bit_depth)
    except (OSError, ImageError):
        return None


def random_tile(pixels: NDArray[np.uint8], side: int, seed: int) -> NDArray[np.uint8]:
    """A square of ``side`` from a random place of uint8 [height, width, 3], mirrored outwards where it is smaller."""
    below, right = (max(0, side - length) for length in pixels.shape[:2])
    if below or right:
        edges = ((below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0))
        pixels = np.pad(pixels, edges, mode="symmetric")
    generator = np.random.default_rng(seed)
    top, left = (int(generator.integers(length - side + 1)) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]
