"""What a version said of parts it had not learned from: the raw material of every figure in a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mltasks.vision.types import Roi


@dataclass(frozen=True, slots=True)
class Prediction:
    """One held-out image. ``probability`` is calibrated and ``anomaly_threshold`` taken without its own fold;
    ``split`` is the fold or ``test``."""

    name: str
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

    @property
    def novel(self) -> bool:
        """Whether the autoencoder suspects something no label has shown."""
        return self.reconstruction_error > self.anomaly_threshold


@dataclass(frozen=True, slots=True)
class Protocol:
    """How the predictions came about: ``folds`` is 0 for a holdout."""

    kind: Literal["cross-validation", "holdout"]
    folds: int
    train: int
    validation: int
    test: int
    seed: int

    def in_words(self) -> str:
        """One sentence for the report."""
        if self.kind == "holdout":
            return (
                f"Holdout, stratified and grouped by part: {self.train} images to learn from, {self.validation} to "
                f"stop early, calibrate and set the anomaly threshold, n={self.test} to measure on, seen once. "
                "The version is the very one that was measured."
            )
        return (
            f"{self.folds}-fold stratified cross-validation, grouped by part, everything chosen inside the training "
            f"folds, n={self.test}. The version itself learned from all {self.test} images; its figures are those of "
            "its siblings."
        )
