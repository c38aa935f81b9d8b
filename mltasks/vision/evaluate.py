"""How good a version is, on parts it had not learned from, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.cautions import warnings_of
from mltasks.vision.figures import calibration_bins, error_histogram
from mltasks.vision.intervals import Estimate, PartBootstrap, proportion, weighted_sum
from mltasks.vision.metrics import auroc, average_precision, precision_recall_curve
from mltasks.vision.mistakes import picture_name
from mltasks.vision.predictions import Prediction, Protocol
from mltasks.vision.thresholds import review_band
from mltasks.vision.types import DEFECT, GOOD, Costs, Thresholds

WORST = 12
PARTS_NOTE = (
    "Images with one part id, identical files, and without part ids images that are near-duplicates by likeness, count "
    "as one part and are never divided between learning and measuring. Likeness misses some repeats of parts that "
    "hardly differ; if there are many without part ids, the figures are too good."
)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every figure of a report. Rates are shares in [0, 1]; costs are in the unit of ``costs``."""

    protocol: Protocol
    costs: Costs
    thresholds: Thresholds
    predictions: list[Prediction]
    metrics: dict[str, Estimate]
    defect_types: dict[str, Estimate]
    confusion: dict[str, int]
    total_cost: float
    warnings: list[str]

    @property
    def mistakes(self) -> list[Prediction]:
        """Up to twelve predictions on the wrong side of the threshold, the most certain first."""
        wrong = [one for one in self.predictions if self.fails(one) != (one.target == DEFECT)]
        return sorted(wrong, key=lambda one: (-abs(one.target - one.probability), one.name))[:WORST]

    def fails(self, one: Prediction) -> bool:
        """The version's label of a prediction at its operating point."""
        return one.probability >= self.thresholds.defect_probability

    def to_json(self) -> dict[str, Any]:
        """Strict JSON types: what could not be measured is null."""
        targets = np.array([one.target for one in self.predictions])
        probabilities = np.array([one.probability for one in self.predictions])
        low, high = review_band(self.costs)
        return {
            "protocol": {**asdict(self.protocol), "words": self.protocol.in_words(), "parts": PARTS_NOTE},
            "counts": self._counts(),
            "thresholds": asdict(self.thresholds),
            "review_band": {"low": low, "high": high},
            "costs": asdict(self.costs),
            "metrics": {name: estimate.to_json() for name, estimate in self.metrics.items()},
            "defect_types": {name: estimate.to_json() for name, estimate in self.defect_types.items()},
            "confusion": self.confusion,
            "cost_matrix": self._cost_matrix(),
            "curves": {
                "precision_recall": precision_recall_curve(probabilities, targets),
                "calibration": calibration_bins(self.predictions),
                "reconstruction_error": error_histogram(self.predictions, self.thresholds.anomaly),
            },
            "worst_mistakes": [
                {**self._row(one), "file": f"worst/{picture_name(number)}"}
                for number, one in enumerate(self.mistakes, start=1)
            ],
            "predictions": [self._row(one) for one in self.predictions],
            "warnings": self.warnings,
        }

    def _counts(self) -> dict[str, int]:
        return {
            "images": len(self.predictions),
            "parts": len({one.part for one in self.predictions}),
            "good": sum(one.target == GOOD for one in self.predictions),
            "defect": sum(one.target == DEFECT for one in self.predictions),
        }

    def _cost_matrix(self) -> dict[str, Any]:
        n = max(1, len(self.predictions))
        return {
            "rows": ["good", "defect"],
            "columns": ["PASS", "FAIL"],
            "each": [[0.0, self.costs.fp], [self.costs.fn, 0.0]],
            "total": self.total_cost,
            "per_1000_if_all_pass": 1000 * self.costs.fn * self._counts()["defect"] / n,
            "per_1000_if_all_fail": 1000 * self.costs.fp * self._counts()["good"] / n,
        }

    def _row(self, one: Prediction) -> dict[str, Any]:
        return {
            "name": one.name,
            "target": one.target,
            "defect_type": one.defect_type,
            "split": one.split,
            "label": "FAIL" if self.fails(one) else "PASS",
            "defect_probability": one.probability,
            "logit": one.logit,
            "reconstruction_error": one.reconstruction_error,
            "anomaly_threshold": one.anomaly_threshold,
            "novel_defect_suspected": one.novel,
        }


def evaluate(
    predictions: Sequence[Prediction],
    protocol: Protocol,
    costs: Costs,
    thresholds: Thresholds,
    *,
    weights: str = "",
) -> Evaluation:
    """Measure predictions of held-out parts. ``weights`` names where the backbone's came from, for the warnings.
    Raises ValueError without any prediction."""
    if not predictions:
        raise ValueError("There is nothing to measure on.")
    rows = sorted(predictions, key=lambda one: (one.split, one.name))
    fails = np.array([one.probability >= thresholds.defect_probability for one in rows])
    targets = np.array([one.target for one in rows])
    confusion = {
        "true_pass": int((~fails & (targets == GOOD)).sum()),
        "false_alarm": int((fails & (targets == GOOD)).sum()),
        "escape": int((~fails & (targets == DEFECT)).sum()),
        "true_fail": int((fails & (targets == DEFECT)).sum()),
    }
    metrics = {**_rates(rows, fails, targets), **_rankings(rows, targets, protocol.seed)}
    metrics["cost_per_1000"] = _cost_per_1000(metrics, rows, costs)
    metrics["review_rate"] = _review_rate(rows, costs)
    types = _defect_types(rows, fails)
    return Evaluation(
        protocol=protocol,
        costs=costs,
        thresholds=thresholds,
        predictions=rows,
        metrics=metrics,
        defect_types=types,
        confusion=confusion,
        total_cost=confusion["escape"] * costs.fn + confusion["false_alarm"] * costs.fp,
        warnings=warnings_of(rows, confusion, weights),
    )


def _rates(rows: Sequence[Prediction], fails: NDArray[np.bool_], targets: NDArray[np.int64]) -> dict[str, Estimate]:
    def among(chosen: NDArray[np.bool_], hits: NDArray[np.bool_]) -> Estimate:
        where = np.flatnonzero(chosen)
        return proportion([bool(hits[index]) for index in where], [rows[int(index)].part for index in where])

    good, defect, everything = targets == GOOD, targets == DEFECT, np.ones(len(rows), bool)
    novel = np.array([one.novel for one in rows])
    return {
        "accuracy": among(everything, fails == defect),
        "precision": among(fails, defect),
        "recall": among(defect, fails),
        "escape_rate": among(defect, ~fails),
        "false_alarm_rate": among(good, fails),
        "novelty_false_alarm_rate": among(good, novel),
        "novelty_recall": among(defect, novel),
    }


def _rankings(rows: Sequence[Prediction], targets: NDArray[np.int64], seed: int) -> dict[str, Estimate]:
    bootstrap = PartBootstrap([one.part for one in rows], targets.tolist(), seed)
    probabilities = np.array([one.probability for one in rows])
    # A fold's autoencoder has its own scale; its threshold, from the other folds, makes the folds comparable.
    novelty = np.array([one.reconstruction_error / one.anomaly_threshold for one in rows])
    return {
        "average_precision": bootstrap.estimate(lambda w: average_precision(probabilities, targets, w)),
        "auroc": bootstrap.estimate(lambda w: auroc(probabilities, targets, w)),
        "novelty_auroc": bootstrap.estimate(lambda w: auroc(novelty, targets, w)),
    }


def _cost_per_1000(metrics: dict[str, Estimate], rows: Sequence[Prediction], costs: Costs) -> Estimate:
    defects = sum(one.target == DEFECT for one in rows) / len(rows)
    terms = [
        (1000 * costs.fn * defects, metrics["escape_rate"]),
        (1000 * costs.fp * (1 - defects), metrics["false_alarm_rate"]),
    ]
    return weighted_sum(terms, len(rows), len({one.part for one in rows}))


def _review_rate(rows: Sequence[Prediction], costs: Costs) -> Estimate:
    low, high = review_band(costs)
    return proportion([low < one.probability < high or one.novel for one in rows], [one.part for one in rows])


def _defect_types(rows: Sequence[Prediction], fails: NDArray[np.bool_]) -> dict[str, Estimate]:
    found: dict[str, list[tuple[bool, str]]] = {}
    for one, fail in zip(rows, fails, strict=True):
        if one.target == DEFECT and one.defect_type:
            found.setdefault(one.defect_type, []).append((bool(fail), one.part))
    return {
        name: proportion([hit for hit, _ in pairs], [part for _, part in pairs])
        for name, pairs in sorted(found.items())
    }
