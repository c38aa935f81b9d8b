"""Evaluation of a version on out-of-fold predictions, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.evaluation.cost_curve import expected_cost
from mltasks.vision.evaluation.label_issues import detect_label_issues
from mltasks.vision.evaluation.learning_curve import LearningCurvePoint
from mltasks.vision.evaluation.predictions import EvaluationProtocol, Prediction
from mltasks.vision.evaluation.report_warnings import report_warnings
from mltasks.vision.guarantees.escape_curve import EscapeCurve
from mltasks.vision.guarantees.escape_guarantee import EscapeRateGuarantee
from mltasks.vision.guarantees.thresholds import Bands, cost_bands, guaranteed_bands
from mltasks.vision.stats.intervals import Bools, Estimate, PartBootstrap, proportion, proportion_among
from mltasks.vision.stats.metrics import auroc, average_precision, calibration_error, chance_calibration_error
from mltasks.vision.types import DEFECT, Costs, Thresholds

MAX_WORST_ERRORS = 12
DEFAULT_GUARANTEE = EscapeRateGuarantee()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Numbers of a report.

    Rates are shares in [0, 1]; costs are in the unit of ``costs``. ``detectors`` holds the AUROC of each novelty
    detector. ``escape_curve`` is the base of the escape guarantee (None if no defect was measured). ``learning_curve``
    is empty if none was computed.
    """

    protocol: EvaluationProtocol
    costs: Costs
    thresholds: Thresholds
    predictions: list[Prediction]
    metrics: dict[str, Estimate]
    defect_types: dict[str, Estimate]
    detectors: dict[str, Estimate]
    confusion: dict[str, int]
    total_cost: float
    bands: Bands
    guarantee: EscapeRateGuarantee
    defect_rate: float | None
    escape_curve: EscapeCurve | None
    learning_curve: list[LearningCurvePoint]
    chance_calibration_error: float
    label_issues: list[dict[str, Any]]
    warnings: list[str]

    @property
    def worst_errors(self) -> list[Prediction]:
        """Return up to twelve predictions on the wrong side of the threshold, most certain first."""
        wrong = [row for row in self.predictions if self.predicts_fail(row) != (row.target == DEFECT)]
        return sorted(wrong, key=lambda row: (-abs(row.target - row.probability), row.name))[:MAX_WORST_ERRORS]

    def predicts_fail(self, prediction: Prediction) -> bool:
        """Return True if the version fails the predicted image at its operating point."""
        return prediction.probability >= self.thresholds.defect_probability


def evaluate(
    predictions: Sequence[Prediction],
    protocol: EvaluationProtocol,
    costs: Costs,
    thresholds: Thresholds,
    *,
    weights: str = "",
    guarantee: EscapeRateGuarantee = DEFAULT_GUARANTEE,
    defect_rate: float | None = None,
    escape_curve: EscapeCurve | None = None,
    learning_curve: Sequence[LearningCurvePoint] = (),
) -> Evaluation:
    """Evaluate predictions of held-out parts. Raises ValueError without any prediction.

    ``weights`` names the origin of the backbone's weights, for the warnings. ``escape_curve`` is the curve that routes
    parts in serving.
    """
    if not predictions:
        raise ValueError("There are no predictions to evaluate.")
    rows = sorted(predictions, key=lambda row: (row.split, row.name))
    probabilities, targets = np.array([row.probability for row in rows]), np.array([row.target for row in rows])
    parts, defect = [row.part for row in rows], targets == DEFECT
    fails = probabilities >= thresholds.defect_probability
    confusion = {
        "true_pass": int((~fails & ~defect).sum()),
        "false_alarm": int((fails & ~defect).sum()),
        "escape": int((~fails & defect).sum()),
        "true_fail": int((fails & defect).sum()),
    }
    bootstrap = PartBootstrap(parts, targets.tolist(), protocol.seed)
    metrics = {**_rates(rows, fails, defect), **_localization(rows, fails), **_rankings(rows, bootstrap)}
    share = float(defect.mean())
    metrics["cost_per_1000"] = expected_cost(metrics["escape_rate"], metrics["false_alarm_rate"], costs, share, parts)
    bands = cost_bands(costs, defect_rate, share if 0 < share < 1 else None)
    if escape_curve is not None:
        bands = guaranteed_bands(bands, escape_curve, guarantee)
    return Evaluation(
        protocol=protocol,
        costs=costs,
        thresholds=thresholds,
        predictions=rows,
        metrics=metrics | _routing_rates(rows, defect, bands),
        defect_types={
            name: proportion_among(np.array([row.defect_type == name for row in rows]) & defect, fails, parts)
            for name in sorted({row.defect_type for row in rows if row.target == DEFECT} - {""})
        },
        detectors={
            name: _auroc([row.detectors[name] for row in rows], targets, bootstrap)
            for name in rows[0].detectors
            # With fewer scores, folds may do without different detectors.
            if all(name in row.detectors for row in rows)
        },
        confusion=confusion,
        total_cost=confusion["escape"] * costs.fn + confusion["false_alarm"] * costs.fp,
        bands=bands,
        guarantee=guarantee,
        defect_rate=defect_rate,
        escape_curve=escape_curve,
        learning_curve=list(learning_curve),
        chance_calibration_error=chance_calibration_error(probabilities, parts, protocol.seed),
        label_issues=detect_label_issues(
            probabilities,
            targets,
            names=[row.name for row in rows],
            sha256s=[row.sha256 for row in rows],
            parts=parts,
        ),
        warnings=report_warnings(rows, confusion, weights),
    )


def _rates(rows: Sequence[Prediction], fails: Bools, defect: Bools) -> dict[str, Estimate]:
    parts, novel = [row.part for row in rows], np.array([row.novel for row in rows])
    return {
        "accuracy": proportion((fails == defect).tolist(), parts),
        "precision": proportion_among(fails, defect, parts),
        "recall": proportion_among(defect, fails, parts),
        "escape_rate": proportion_among(defect, ~fails, parts),
        "false_alarm_rate": proportion_among(~defect, fails, parts),
        "novelty_false_alarm_rate": proportion_among(~defect, novel, parts),
        "novelty_recall": proportion_among(defect, novel, parts),
    }


def _localization(rows: Sequence[Prediction], fails: Bools) -> dict[str, Estimate]:
    """Return the share of failed parts with a mask or marks on which the map's maximum lies; empty without any."""
    marked = np.array([row.localized is not None for row in rows]) & fails
    if not marked.any():
        return {}
    on_defect = np.array([row.localized is True for row in rows])
    return {"localization": proportion_among(marked, on_defect, [row.part for row in rows])}


def _rankings(rows: Sequence[Prediction], bootstrap: PartBootstrap) -> dict[str, Estimate]:
    probabilities, targets = np.array([row.probability for row in rows]), np.array([row.target for row in rows])
    return {
        "average_precision": bootstrap.estimate(lambda w: average_precision(probabilities, targets, w)),
        "auroc": bootstrap.estimate(lambda w: auroc(probabilities, targets, w)),
        # Detectors of folds differ in scale; dividing by thresholds from the other folds makes folds comparable.
        "novelty_auroc": _auroc([row.good_part_novelty for row in rows], targets, bootstrap),
        "calibration_error": bootstrap.estimate(lambda w: calibration_error(probabilities, targets, w)),
    }


def _auroc(scores: Sequence[float], targets: NDArray[np.int64], bootstrap: PartBootstrap) -> Estimate:
    values = np.array(scores)
    return bootstrap.estimate(lambda w: auroc(values, targets, w))


def _routing_rates(rows: Sequence[Prediction], defect: Bools, bands: Bands) -> dict[str, Estimate]:
    """Return the shares of parts that go to review and of defects that pass without review, as parts are routed."""
    parts, scores = [row.part for row in rows], [(row.probability, row.novelty) for row in rows]
    review = [
        bands.needs_review(probability) or bands.is_novel(probability, novelty) for probability, novelty in scores
    ]
    passed = np.array([bands.passes(probability, novelty) for probability, novelty in scores])
    return {"review_rate": proportion(review, parts), "routed_escape_rate": proportion_among(defect, passed, parts)}
