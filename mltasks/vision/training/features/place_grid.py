"""Places of defects on the grid of the segmentation head, from masks and marks.

A cell's number is the share of the cell that a mask covers, ``MARKED`` inside a reviewer's mark, and ``UNKNOWN`` where
nobody said anything: a mark shows one defect and leaves open if there are others."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.decoding import decode, fit_placement, region_size
from mltasks.vision.data.defect_masks import mark_in_region
from mltasks.vision.types import DEFECT, InputSize, Mark, Sample

CELL_PIXELS = 8
MARKED, UNKNOWN = 2.0, -1.0
# Least size of a marked place as a share of the input's longer side: a click is not exact.
MIN_MARK_SIDE = 0.05
Places = NDArray[np.float16]


def mask_places(mask: NDArray[np.bool_]) -> Places:
    """Return the covered share of each cell ``[H/8, W/8]`` of a mask ``[H, W]``."""
    height, width = (side // CELL_PIXELS for side in mask.shape)
    return np.asarray(mask.reshape(height, CELL_PIXELS, width, CELL_PIXELS).mean((1, 3)), np.float16)


def defect_places(sample: Sample, size: InputSize) -> Places | None:
    """Return a defect's places at a network's input size; None if its mask or marks show none in the region.

    The mask goes before the marks. Raises ImageError for an unreadable mask or image."""
    if sample.target != DEFECT or (sample.mask is None and not sample.marks):
        return None
    if sample.mask is not None:
        places = mask_places(decode(sample.mask, roi=sample.roi, size=size).max(2) > 0)
    else:
        places = mark_places(sample.marks, sample, size)
    # A defect that lies outside the region leaves open which cells look defective.
    return places if places.max() > 0 else None


def mark_places(marks: Iterable[Mark], sample: Sample, size: InputSize) -> Places:
    """Return ``MARKED`` in the cells of the marks inside the region of interest, ``UNKNOWN`` elsewhere.

    Marks outside the region are left out, and so is the mirror image around it."""
    places = np.full((size.height // CELL_PIXELS, size.width // CELL_PIXELS), UNKNOWN, np.float16)
    whole, region = region_size(sample.path), region_size(sample.path, sample.roi)
    inside = fit_placement(*region, size)
    least = MIN_MARK_SIDE * max(size.height, size.width)
    for mark in marks:
        if (seen := mark_in_region(mark, sample.roi, *whole)) is not None:
            rows = _cells(seen.top, seen.height, inside.height, inside.top, least)
            columns = _cells(seen.left, seen.width, inside.width, inside.left, least)
            places[rows, columns] = MARKED
    return places


def _cells(start: float, length: float, side: int, offset: int, least: float) -> slice:
    """Return the cells of a mark's side, given in shares of the region, which has ``side`` pixels in the input."""
    first, last = start * side, (start + length) * side
    grown = max(0.0, least - (last - first)) / 2
    low, high = max(0.0, first - grown) + offset, min(side, last + grown) + offset
    return slice(int(low // CELL_PIXELS), int(-(-high // CELL_PIXELS)))
