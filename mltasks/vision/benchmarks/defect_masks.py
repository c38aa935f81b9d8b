"""Where a defect is, by its mask, and whether the loudest place of a map lies on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from mltasks.vision.data.decoding import load
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.serving.heatmaps import FloatMap
from mltasks.vision.types import DEFECT, Sample

# Of the image's width: as far off a mask's edge a map may point.
TOLERANCE_SHARE = 0.02
Mask = NDArray[np.bool_]


class MaskError(ValueError):
    """A defective image's mask is missing or is not one of this image. The message names it."""


def mask_paths(samples: Sequence[Sample], folder: Path) -> dict[str, Path]:
    """The mask of each defective image by its name, ``<kind>/<stem>.png``. Raises NoMask where one is missing."""
    found = {one.name: folder / Path(one.name).with_suffix(".png") for one in samples if one.target == DEFECT}
    for name, path in found.items():
        if not path.is_file():
            raise MaskError(f"{name} needs a mask of its defect, {path}.")
    return found


def read_mask(path: Path) -> Mask:
    """True where a mask is not black, ``[height, width]``. Raises NoMask for a file that can't be read."""
    try:
        return np.asarray(load(path).to_array().max(axis=2) > 0)
    except (ImageError, OSError) as error:
        raise MaskError(f"{path} is no mask: {error}") from error


def nonempty_masks(masks: Mapping[str, Path]) -> dict[str, Path]:
    """The masks that mark anything."""
    return {name: path for name, path in masks.items() if read_mask(path).any()}


def peak_position(values: FloatMap) -> tuple[float, float] | None:
    """The place of a map's maximum, down and across as shares of its sides; of equals, for maps end at 1, the
    middle of the widest plateau. None where the map is silent."""
    top = values.max()
    if not top > 0:
        return None
    depth = distance_transform_edt(np.pad(values == top, 1))[1:-1, 1:-1]
    deepest = np.argwhere(depth == depth.max())
    row, column = deepest[np.square(deepest - deepest.mean(0)).sum(1).argmin()]
    return (float(row) + 0.5) / values.shape[0], (float(column) + 0.5) / values.shape[1]


def hits_mask(position: tuple[float, float] | None, mask: Mask) -> bool:
    """Whether a place, down and across as shares of the image's sides, is a pixel of the mask or within 2 % of the
    image's width of one."""
    if position is None:
        return False
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    # To the pixels' middles
    apart = np.hypot(rows + 0.5 - position[0] * height, columns + 0.5 - position[1] * width)
    # A place inside a pixel is up to 0.71 from its middle.
    return bool(apart.size and apart.min() <= max(TOLERANCE_SHARE * width, 0.5**0.5))
