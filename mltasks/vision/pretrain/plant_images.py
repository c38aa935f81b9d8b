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
from mltasks.vision.pretrain.image_pool import Pool
from mltasks.vision.pretrain.pretraining_config import Picture
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import InputSize

# Fewer than this share readable means that a disk or a restore went wrong: nothing to teach quietly on.
READABLE_SHARE = 0.5


class PicturesLost(ValueError):  # noqa: N818 - a state of the thing, named as the operator sees it
    """Most of the images that a lesson names are missing from disk or changed."""


def load_stored(path: Path, pictures: Sequence[Picture], size: InputSize, side: int, seed: int, stage: Stage) -> Pool:
    """Return uint8 (n, side, side, 3), cut first where ``path`` lacks it: n is the number of readable pictures.

    Each picture is decoded as training does, its region at ``size``; the tile's place comes from the seed and the
    picture alone. Raises PicturesLost when most can't be read.
    """
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        _cut(path, pictures, size, side, seed, stage)
    pool: Pool = np.load(path, mmap_mode="r", allow_pickle=False)
    return pool


def _cut(path: Path, pictures: Sequence[Picture], size: InputSize, side: int, seed: int, stage: Stage) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    shape = (len(pictures), side, side, 3)
    tiles = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=shape)
    kept = 0
    for number, picture in enumerate(pictures, start=1):
        pixels = _read(picture, size)
        if pixels is not None:
            tiles[kept] = tile(pixels, side, derive_seed(seed, "tile", picture.sha256))
            kept += 1
        if number % 50 == 0 or number == len(pictures):
            stage.report(number / len(pictures), f"image {number} of {len(pictures)}")
    if kept < max(1, READABLE_SHARE * len(pictures)):
        unfinished.unlink()
        raise PicturesLost(f"Only {kept} of {len(pictures)} stored images could be read. Is MEDIA_ROOT whole?")
    tiles.flush()
    if kept < len(pictures):
        np.save(unfinished.with_suffix(".npy"), tiles[:kept])
        unfinished.with_suffix(".npy").replace(unfinished)
    unfinished.replace(path)


def _read(picture: Picture, size: InputSize) -> NDArray[np.uint8] | None:
    """The picture at the network's size; None when it is missing, changed or unreadable."""
    try:
        with picture.path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != picture.sha256:
                return None
        return decode(picture.path, roi=picture.roi, size=size, bit_depth=picture.bit_depth)
    except (OSError, ImageError):
        return None


def tile(pixels: NDArray[np.uint8], side: int, seed: int) -> NDArray[np.uint8]:
    """A square of ``side`` from a random place of uint8 [height, width, 3], mirrored outwards where it is smaller."""
    below, right = (max(0, side - length) for length in pixels.shape[:2])
    if below or right:
        edges = ((below // 2, below - below // 2), (right // 2, right - right // 2), (0, 0))
        pixels = np.pad(pixels, edges, mode="symmetric")
    generator = np.random.default_rng(seed)
    top, left = (int(generator.integers(length - side + 1)) for length in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]
