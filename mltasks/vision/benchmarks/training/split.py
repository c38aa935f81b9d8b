"""Splits into training and test parts, the same for both trainings.

Near-duplicates stay on one side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.data.splits import split_in_two
from mltasks.vision.drawing.line import labeled_set, write_image_folder
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.types import Sample

# Drawn parts: twice the number that the demo begins with.
SEED, GOOD, SCRATCH, EXCESS = 5, 72, 36, 36
SPLIT_SHARES = {"learned": 0.5, "measured": 0.5}


@dataclass(frozen=True, slots=True)
class Split:
    """Parts to train on and parts to test on, by one seed."""

    train: list[Sample]
    test: list[Sample]
    seed: int


def write_drawn_parts(folder: Path) -> list[Sample]:
    """Draw 144 parts and write them as images below ``folder``."""
    write_image_folder(folder, labeled_set(SEED, good=GOOD, scratch=SCRATCH, excess=EXCESS))
    return read_folder(folder, grouped=True)


def take_share(samples: Sequence[Sample], share: float) -> list[Sample]:
    """Return a share of the parts, stratified by type; deterministic."""
    if share >= 1:
        return list(samples)
    kept, _ = split_in_two(samples, range(len(samples)), {"kept": share, "left": 1 - share}, SEED)
    return [samples[index] for index in kept]


def split_in_half(samples: Sequence[Sample], repeat: int) -> Split:
    """Split the parts in two halves, stratified by type; each repeat gives another split."""
    seed = derive_seed(SEED, "halves", repeat)
    learned, measured = split_in_two(samples, range(len(samples)), SPLIT_SHARES, seed)
    return Split([samples[index] for index in learned], [samples[index] for index in measured], seed)


def sample_targets(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """Return targets, 0 good and 1 defect, ``[n]``."""
    return np.array([sample.target for sample in samples], np.int64)
