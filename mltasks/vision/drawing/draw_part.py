"""Drawn parts of the demo: a plate with or without a defect, and its ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mltasks.vision.drawing.defects import add_defect
from mltasks.vision.drawing.plates import PartKind, compose, expose, mold


@dataclass(frozen=True, slots=True)
class DrawnPart:
    """RGB image and its truth: kind, defect type (empty when good), (H, W) mask of the defect."""

    image: Image.Image
    kind: PartKind
    defect_type: str
    mask: NDArray[np.bool_]
    seed: int

    @property
    def defect_box(self) -> tuple[int, int, int, int] | None:
        """Return the defect's left, top, right, bottom in pixels; None for good parts.

        Right and bottom are excluded.
        """
        rows, columns = np.nonzero(self.mask)
        if not rows.size:
            return None
        return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def draw_part(kind: PartKind, seed: int, size: tuple[int, int] = (288, 512)) -> DrawnPart:
    """Draw one part, deterministically by kind, seed and (width, height).

    Raises ValueError below 96 px.
    """
    if min(size) < 96:
        raise ValueError(f"A part needs at least 96 x 96 pixels, not {size[0]} x {size[1]}.")
    rng = np.random.default_rng([seed, list(PartKind).index(kind)])
    plate = mold(rng, size)
    defect_type, mask = add_defect(plate, kind)
    picture = expose(rng, compose(plate))
    return DrawnPart(picture, kind, defect_type, mask, seed)
