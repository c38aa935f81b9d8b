"""Label issues: labels that are probably wrong, by confident learning.

A part is suspect if its probability of the other class exceeds that class's own average; the counts of such parts give
the number of label issues (Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 2021; library cleanlab). A model repeats wrong labels it trained on, so the probabilities must be out of fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.types import DEFECT, GOOD

# With fewer parts a single outlier would move a class's average confidence.
MIN_PARTS = 8
CLASSES = (GOOD, DEFECT)


def detect_label_issues(
    probabilities: Sequence[float] | NDArray[np.float64],
    targets: Sequence[int] | NDArray[np.int64],
    *,
    names: Sequence[str],
    sha256s: Sequence[str],
    parts: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the report's label issues, most improbable part first, then most improbable image first.

    ``probabilities`` [n] of a defect are calibrated and out of fold; ``targets`` [n] are the given labels, 0 or 1;
    ``parts`` names each image's part. Empty with fewer than ``MIN_PARTS`` parts of either class. Each issue has
    ``sha256, name, target, probability``.

    Raises ValueError for lengths that differ, NaN, and values out of range.
    """
    predicted, given = np.asarray(probabilities, np.float64), np.asarray(targets, np.int64)
    _check(predicted, given, names, sha256s, parts)
    part_counts = [len(set(compress(parts, given == target))) for target in CLASSES]
    if min(part_counts) < MIN_PARTS:
        return []
    confidence = np.where(given == DEFECT, predicted, 1.0 - predicted).tolist()
    issues = _issue_positions(predicted, given)
    least: dict[str, float] = {}
    for at in issues:
        least[parts[at]] = min(least.get(parts[at], 1.0), confidence[at])
    issues.sort(key=lambda at: (least[parts[at]], parts[at], confidence[at], sha256s[at]))
    return [
        {
            "sha256": sha256s[at],
            "name": names[at],
            "target": int(given[at]),
            "probability": confidence[at] if given[at] == DEFECT else 1.0 - confidence[at],
        }
        for at in issues
    ]


def _issue_positions(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> list[int]:
    # Late import: it loads scikit-learn and pandas, which only a training process may.
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped]

    # Off-diagonal entries of the confident joint: the most precise of the paper's methods on added noise. Precision
    # matters because each label issue costs a review.
    both = np.column_stack([1.0 - probabilities, probabilities])
    issues = find_label_issues(targets, both, filter_by="confident_learning", n_jobs=1)
    return [int(index) for index in np.flatnonzero(issues)]


def _check(probabilities: NDArray[np.float64], targets: NDArray[np.int64], *columns: Sequence[str]) -> None:
    lengths = {len(column) for column in (probabilities, targets, *columns)}
    if probabilities.ndim != 1 or len(lengths) != 1:
        raise ValueError("Probabilities, targets, names, hashes and parts must have the same length.")
    if not np.isfinite(probabilities).all() or (probabilities < 0).any() or (probabilities > 1).any():
        raise ValueError("Each probability must be a number from 0 to 1.")
    if not np.isin(targets, CLASSES).all():
        raise ValueError("Each target must be 0 or 1.")
