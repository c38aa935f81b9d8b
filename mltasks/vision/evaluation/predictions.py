"""Out-of-fold predictions and the protocol that produced them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltasks.vision.types import Roi


@dataclass(frozen=True, slots=True)
class Prediction:
    """Out-of-fold prediction of one image.

    ``probability`` is calibrated, and all thresholds are fitted, without the image's own fold. ``split`` is the fold or
    ``test``. ``detectors`` holds each novelty detector's score over its threshold; ``detector`` names the deciding
    detector. ``labeled_novelty``, set for parts that fail, is the score of the memory that also holds labeled defects.
    ``localized`` is True if the evidence map's maximum lies on the defect's mask or marks; None without them.
    """

    name: str
    sha256: str
    path: Path
    roi: Roi | None
    part: str
    target: int
    defect_type: str
    split: str
    logit: float
    probability: float
    reconstruction_error: float
    anomaly_threshold: float
    detector: str
    detectors: Mapping[str, float]
    labeled_novelty: float | None = None
    bit_depth: int | None = None
    localized: bool | None = None

    @property
    def good_part_novelty(self) -> float:
        """Return the deciding detector's score over its threshold (distance to good parts)."""
        return self.detectors[self.detector]

    @property
    def novelty(self) -> float:
        """Return the novelty score over its threshold: above 1 is novel.

        Parts that fail are compared with labeled defects too.
        """
        return self.good_part_novelty if self.labeled_novelty is None else self.labeled_novelty

    @property
    def novel(self) -> bool:
        """Return True if a defect unlike any labeled defect is suspected."""
        return self.novelty > 1


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """Protocol behind the predictions; ``folds`` is 0 for a holdout."""

    kind: Literal["cross-validation", "holdout"]
    folds: int
    train: int
    validation: int
    test: int
    seed: int

    def describe(self) -> str:
        """Describe the protocol in one sentence for the report."""
        if self.kind == "holdout":
            return (
                f"Holdout, stratified and grouped by part: {self.train} images for training, {self.validation} to fit "
                f"weights, calibration and thresholds, n={self.test} for measurement only. "
                "The measured version is this version."
            )
        return (
            f"{self.folds}-fold stratified cross-validation, grouped by part; everything is chosen inside the training "
            f"folds; n={self.test}. This version was trained on all {self.test} images. The figures are those of the "
            "folds' versions, which did not train on the measured parts."
        )
