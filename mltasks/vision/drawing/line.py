"""Parts of the demo's line: an endless stream, a labeled start set, and image folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mltasks.vision.drawing.draw_part import DrawnPart, draw_part
from mltasks.vision.drawing.plates import PartKind

# Shares as in a plant with a problem: most parts are good, and a new type of damage occurs now and then.
SHARES = {PartKind.GOOD: 0.78, PartKind.SCRATCH: 0.10, PartKind.EXCESS: 0.08, PartKind.NOVEL: 0.04}
# Seeds of the line and of the labeled set never overlap.
_LABELED_SEEDS = 1 << 40


def demo_line(seed: int) -> Iterator[DrawnPart]:
    """Yield parts endlessly in the ``SHARES``, drawn on demand and determined by the seed."""
    rng = np.random.default_rng(seed)
    kinds, shares = list(SHARES), list(SHARES.values())
    number = seed * 1_000_003
    while True:
        kind = kinds[int(rng.choice(len(kinds), p=shares))]
        yield draw_part(kind, number)
        number += 1


def labeled_set(seed: int, good: int = 24, scratch: int = 12, excess: int = 12) -> list[DrawnPart]:
    """Return the parts that a product starts with, good parts first, none of the novel kind."""
    first = _LABELED_SEEDS + seed * 1_000_003
    kinds = [PartKind.GOOD] * good + [PartKind.SCRATCH] * scratch + [PartKind.EXCESS] * excess
    return [draw_part(kind, first + number) for number, kind in enumerate(kinds)]


def write_image_folder(directory: Path, parts: Iterable[DrawnPart]) -> list[Path]:
    """Write parts as JPEG into one folder a kind (``good/``, ``scratch/``, …); return the paths.

    Files are numbered within their kind, so the same parts give the same names.
    """
    numbers: Counter[PartKind] = Counter()
    return [_write(directory, part, numbers) for part in parts]


def _write(directory: Path, part: DrawnPart, numbers: Counter[PartKind]) -> Path:
    path = directory / part.kind.value / f"{part.kind.value}-{numbers[part.kind]:04d}.jpg"
    numbers[part.kind] += 1
    path.parent.mkdir(parents=True, exist_ok=True)
    part.image.save(path, format="JPEG", quality=92)
    return path
