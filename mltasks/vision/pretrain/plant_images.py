"""Pool of a plant's stored images to distill on: one tile of each, at the network's scale."""

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

# A smaller readable share means a damaged disk or restore, so the run fails.
MIN_READABLE_SHARE = 0.5


class ImagesLost(ValueError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Error: most images of a pretraining run are missing from the store or changed."""


def load_plant_images(
    path: Path, images: Sequence[PlantImage], size: InputSize, side: int, seed: int, stage: Stage
) -> ImagePool:
    """Return uint8 (n, side, side, 3) for n readable images; cut missing tiles first.

    Tiles are cut if the file ``path`` is missing. Each image is decoded as for training, its region at ``size``. The
    tile's position depends only on the seed and the image. Raises ImagesLost when most images are unreadable.
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
    for number, image in enumerate(images, start=1):
        pixels = _read(image, size)
        if pixels is not None:
            tiles[kept] = random_tile(pixels, side, derive_seed(seed, "tile", image.sha256))
            kept += 1
        if number % 50 == 0 or number == len(images):
            stage.report(number / len(images), f"image {number} of {len(images)}")
    if kept < max(1, MIN_READABLE_SHARE * len(images)):
        unfinished.unlink()
        raise ImagesLost(f"Only {kept} of {len(images)} stored images could be read. Is MEDIA_ROOT complete?")
    tiles.flush()
    if kept < len(images):
        np.save(unfinished.with_suffix(".npy"), tiles[:kept])
        unfinished.with_suffix(".npy").replace(unfinished)
    unfinished.replace(path)


def _read(image: PlantImage, size: InputSize) -> NDArray[np.uint8] | None:
    """Return the image at the network's size; None if it is missing, changed or unreadable."""
    try:
        with image.path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != image.sha256:
                return None
        return decode(image.path, roi=image.roi, size=size, bit_depth=image.bit_depth)
    except (OSError, ImageError):
        return None


def random_tile(pixels: NDArray[np.uint8], side: int, seed: int) -> NDArray[np.uint8]:
    """Return a square of ``side`` at a random position of uint8 [height, width, 3].

    Smaller images are padded by mirroring.
    """
    below, right = (max(0, side - length) for length in pixels.shape[:2])
    if below or right:
        edges = ((below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0))
        pixels = np.pad(pixels, edges, mode="symmetric")
    generator = np.random.default_rng(seed)
    top, left = (int(generator.integers(length - side + 1)) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]
