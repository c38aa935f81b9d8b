"""Evaluation of a version on out-of-fold predictions, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.evaluation.label_issues import detect_label_issues
from mltasks.vision.evaluation.learning_curve import LearningCurvePoint
from mltasks.vision.evaluation.predictions import EvaluationProtocol, Prediction
from mltasks.vision.evaluation.report_warnings import report_warnings
from mltasks.vision.serving.escape_guarantee import EscapeCurve, EscapeRateGuarantee
from mltasks.vision.serving.thresholds import Bands, cost_bands, guaranteed_bands
from mltasks.vision.stats.intervals import Estimate, PartBootstrap, proportion, weighted_sum
from mltasks.vision.stats.metrics import auroc, average_precision, calibration_error, chance_calibration_error
from mltasks.vision.types import DEFECT, GOOD, Costs, Thresholds

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
        wrong = [one for one in self.predictions if self.predicts_fail(one) != (one.target == DEFECT)]
        return sorted(wrong, key=lambda one: (-abs(one.target - one.probability), one.name))[:MAX_WORST_ERRORS]

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
    bootstrap = PartBootstrap([one.part for one in rows], targets.tolist(), protocol.seed)
    metrics = {**_rates(rows, fails, targets), **_rankings(rows, targets, bootstrap)}
    metrics["cost_per_1000"] = _cost_per_1000(metrics, rows, costs)
    bands = cost_bands(costs, defect_rate, _defect_share(targets))
    if escape_curve is not None:
        bands = guaranteed_bands(bands, escape_curve, guarantee)
    metrics |= _routing_rates(rows, targets, bands)
    types = _defect_types(rows, fails)
    return Evaluation(
        protocol=protocol,
        costs=costs,
        thresholds=thresholds,
        predictions=rows,
        metrics=metrics,
        defect_types=types,
        detectors=_detectors(rows, targets, bootstrap),
        confusion=confusion,
        total_cost=confusion["escape"] * costs.fn + confusion["false_alarm"] * costs.fp,
        bands=bands,
        guarantee=guarantee,
        defect_rate=defect_rate,
        escape_curve=escape_curve,
        learning_curve=list(learning_curve),
        chance_calibration_error=chance_calibration_error(
            np.array([one.probability for one in rows]), [one.part for one in rows], protocol.seed
        ),
        label_issues=_label_issues(rows),
        warnings=report_warnings(rows, confusion, weights),
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


def _rankings(rows: Sequence[Prediction], targets: NDArray[np.int64], bootstrap: PartBootstrap) -> dict[str, Estimate]:
    probabilities = np.array([one.probability for one in rows])
    # Detectors of folds differ in scale; dividing by thresholds from the other folds makes folds comparable.
    novelty = np.array([one.good_part_novelty for one in rows])
    return {
        "average_precision": bootstrap.estimate(lambda w: average_precision(probabilities, targets, w)),
        "auroc": bootstrap.estimate(lambda w: auroc(probabilities, targets, w)),
        "novelty_auroc": bootstrap.estimate(lambda w: auroc(novelty, targets, w)),
        "calibration_error": bootstrap.estimate(lambda w: calibration_error(probabilities, targets, w)),
    }


def _detectors(rows: Sequence[Prediction], targets: NDArray[np.int64], bootstrap: PartBootstrap) -> dict[str, Estimate]:
    found = {}
    for name in rows[0].detectors:
        values = np.array([one.detectors[name] for one in rows])
        found[name] = bootstrap.estimate(lambda w, values=values: auroc(values, targets, w))  # type: ignore[misc]
    return found


def _label_issues(rows: Sequence[Prediction]) -> list[dict[str, Any]]:
    found = detect_label_issues(
        [one.probability for one in rows],
        [one.target for one in rows],
        names=[one.name for one in rows],
        sha256s=[one.sha256 for one in rows],
        parts=[one.part for one in rows],
    )
    return [one.to_json() for one in found]


def _defect_share(targets: NDArray[np.int64]) -> float | None:
    share = float((targets == DEFECT).mean())
    return share if 0 < share < 1 else None


def _cost_per_1000(metrics: dict[str, Estimate], rows: Sequence[Prediction], costs: Costs) -> Estimate:
    defects = sum(one.target == DEFECT for one in rows) / len(rows)
    terms = [
        (1000 * costs.fn * defects, metrics["escape_rate"]),
        (1000 * costs.fp * (1 - defects), metrics["false_alarm_rate"]),
    ]
    return weighted_sum(terms, len(rows), len({one.part for one in rows}))


def _routing_rates(rows: Sequence[Prediction], targets: NDArray[np.int64], bands: Bands) -> dict[str, Estimate]:
    """Return the shares of parts that go to review and of defects that pass without review."""
    passed = [one.probability <= bands.low and not one.novel for one in rows]
    defects: list[int] = np.flatnonzero(targets == DEFECT).tolist()
    return {
        "review_rate": proportion(
            [bands.needs_review(one.probability) or one.novel for one in rows], [one.part for one in rows]
        ),
        "routed_escape_rate": proportion([passed[at] for at in defects], [rows[at].part for at in defects]),
    }


def _defect_types(rows: Sequence[Prediction], fails: NDArray[np.bool_]) -> dict[str, Estimate]:
    found: dict[str, list[tuple[bool, str]]] = {}
    for one, fail in zip(rows, fails, strict=True):
        if one.target == DEFECT and one.defect_type:
            found.setdefault(one.defect_type, []).append((bool(fail), one.part))
    return {
        name: proportion([hit for hit, _ in pairs], [part for _, part in pairs])
        for name, pairs in sorted(found.items())
    }
