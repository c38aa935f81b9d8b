"""Folds of parts for cross-validations on held-out scores, stratified by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def defective_parts(parts: Sequence[str], targets: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Return for each part if an image of it is defective, ``[p]``, and each image's part number ``[n]``."""
    numbers = np.unique(np.asarray(parts), return_inverse=True)[1]
    return np.bincount(numbers, np.asarray(targets, np.float64)) > 0, numbers


def rarer_class_count(defective: NDArray[np.bool_]) -> int:
    """Return the number of parts of the rarer class."""
    return int(min(defective.sum(), (~defective).sum()))


def assign_part_folds(defective: NDArray[np.bool_], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each part; good and defective parts are dealt evenly."""
    fold = np.zeros(len(defective), np.int64)
    for kind in (defective, ~defective):
        fold[generator.permutation(np.flatnonzero(kind))] = np.arange(kind.sum()) % count
    return fold
