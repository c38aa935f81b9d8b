"""Defect masks, and the test that a map's maximum lies on a defect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt

from mltasks.vision.data.defect_masks import Mask, read_mask
from mltasks.vision.data.image_header import ImageError
from mltasks.vision.serving.heatmaps import FloatMap
from mltasks.vision.types import DEFECT, Sample

# Share of the image's width: distance to a mask that still counts as a hit.
TOLERANCE_SHARE = 0.02


class MaskError(ValueError):
    """Error for a missing mask or one that does not fit its image; the message names the mask."""


def mask_paths(samples: Sequence[Sample], folder: Path) -> dict[str, Path]:
    """Return the mask path of each defective image by image name, ``<kind>/<stem>.png``.

    Raises MaskError when a mask is missing.
    """
    defects = [sample.name for sample in samples if sample.target == DEFECT]
    paths = {name: folder / Path(name).with_suffix(".png") for name in defects}
    for name, path in paths.items():
        if not path.is_file():
            raise MaskError(f"{name} needs a mask of its defect at {path}.")
    return paths


def load_mask(path: Path) -> Mask:
    """Return True where a mask is not black, ``[height, width]``. Raises MaskError for an unreadable file."""
    try:
        with path.open("rb") as stream:
            return read_mask(stream)
    except (ImageError, OSError) as error:
        raise MaskError(f"{path} cannot be read as a mask: {error}") from error


def nonempty_masks(masks: Mapping[str, Path]) -> dict[str, Path]:
    """Return the masks with at least one marked pixel."""
    return {name: path for name, path in masks.items() if load_mask(path).any()}


def peak_position(values: FloatMap) -> tuple[float, float] | None:
    """Return the position of a map's maximum, down and across as shares of its sides.

    Maps saturate at 1: among equal maxima, return the middle of the widest plateau. Return None if no value is above
    0.
    """
    top = values.max()
    if not top > 0:
        return None
    depth = distance_transform_edt(np.pad(values == top, 1))[1:-1, 1:-1]
    deepest = np.argwhere(depth == depth.max())
    row, column = deepest[np.square(deepest - deepest.mean(0)).sum(1).argmin()]
    return (float(row) + 0.5) / values.shape[0], (float(column) + 0.5) / values.shape[1]


def hits_mask(position: tuple[float, float] | None, mask: Mask) -> bool:
    """Return True if a position is on the mask or within 2 % of the image's width of the mask.

    The position is down and across as shares of the image's sides.
    """
    if position is None:
        return False
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    # Distances to pixel centers
    apart = np.hypot(rows + 0.5 - position[0] * height, columns + 0.5 - position[1] * width)
    # A position inside a pixel is up to 0.71 from the pixel's center.
    return bool(apart.size and apart.min() <= max(TOLERANCE_SHARE * width, 0.5**0.5))
