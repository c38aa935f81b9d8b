"""Label issues: labels that are probably wrong, by confident learning.

A part is suspect if its probability of the other class exceeds that class's own average; the counts of such parts give
the number of label issues (Northcutt, Jiang & Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 2021; library cleanlab). A model repeats wrong labels it trained on, so the probabilities must be out of fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.types import DEFECT, GOOD

# With fewer parts a single outlier would move a class's average confidence.
MIN_PARTS = 8
CLASSES = (GOOD, DEFECT)


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """Label that is probably wrong.

    ``given`` and ``likely`` are 0 (good) or 1 (defect). ``self_confidence`` is the probability, in [0, 1], of the given
    label. ``rank`` numbers parts from 1, most improbable label first; images of one part share it.
    """

    name: str
    sha256: str
    part: str
    given: int
    likely: int
    self_confidence: float
    rank: int

    @property
    def probability(self) -> float:
        """Return the out-of-fold probability of a defect."""
        return self.self_confidence if self.given == DEFECT else 1.0 - self.self_confidence

    def to_json(self) -> dict[str, Any]:
        """Return the report's entry."""
        return {"sha256": self.sha256, "name": self.name, "target": self.given, "probability": self.probability}


def detect_label_issues(
    probabilities: Sequence[float] | NDArray[np.float64],
    targets: Sequence[int] | NDArray[np.int64],
    *,
    names: Sequence[str],
    sha256s: Sequence[str],
    parts: Sequence[str],
) -> list[LabelIssue]:
    """Return the label issues, most improbable part first, then most improbable image first.

    ``probabilities`` [n] of a defect are calibrated and out of fold; ``targets`` [n] are the given labels, 0 or 1;
    ``parts`` names each image's part. Empty with fewer than ``MIN_PARTS`` parts of either class.

    Raises ValueError for lengths that differ, NaN, and values out of range.
    """
    likely, given = np.asarray(probabilities, np.float64), np.asarray(targets, np.int64)
    _check(likely, given, names, sha256s, parts)
    shown = {target: {part for part, label in zip(parts, given, strict=True) if label == target} for target in CLASSES}
    if min(len(found) for found in shown.values()) < MIN_PARTS:
        return []
    found = _issue_positions(likely, given)
    confidence = np.where(given == DEFECT, likely, 1.0 - likely)
    least: dict[str, float] = {}
    for index in found:
        least[parts[index]] = min(least.get(parts[index], 1.0), float(confidence[index]))
    ranks = {part: rank for rank, part in enumerate(sorted(least, key=lambda part: (least[part], part)), start=1)}
    found.sort(key=lambda index: (ranks[parts[index]], confidence[index], sha256s[index]))
    return [
        LabelIssue(
            name=names[index],
            sha256=sha256s[index],
            part=parts[index],
            given=int(given[index]),
            likely=1 - int(given[index]),
            self_confidence=float(confidence[index]),
            rank=ranks[parts[index]],
        )
        for index in found
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
        raise ValueError("Probabilities, targets, names, hashes and parts must be as many.")
    if not np.isfinite(probabilities).all() or (probabilities < 0).any() or (probabilities > 1).any():
        raise ValueError("A probability is a number from 0 to 1.")
    if not np.isin(targets, CLASSES).all():
        raise ValueError("A target is 0 or 1.")
