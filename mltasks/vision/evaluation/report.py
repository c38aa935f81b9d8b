"""Stored report of an evaluation: strict JSON, null for what could not be measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mltasks.vision.evaluation.cost_curve import cost_curve
from mltasks.vision.evaluation.evaluate import Evaluation
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.evaluation.report_data import calibration_bins, error_histogram, novelty_histogram
from mltasks.vision.evaluation.worst_errors import error_heatmap_name, error_image_name
from mltasks.vision.guarantees.guarantee_report import guarantee_report
from mltasks.vision.stats.metrics import precision_recall_curve
from mltasks.vision.types import DEFECT, GOOD

PARTS_NOTE = (
    "Images with one part id, identical files and, without part ids, near-duplicates count as one part. A part is "
    "never divided between training and measurement. The search for near-duplicates misses some images of parts that "
    "hardly differ. If many of them have no part id, the figures are too good."
)


def build_report(evaluation: Evaluation) -> dict[str, Any]:
    """Build the report of strict JSON types, with one row per prediction."""
    bands, curve = evaluation.bands, evaluation.escape_curve
    return {
        "protocol": {**asdict(evaluation.protocol), "words": evaluation.protocol.describe(), "parts": PARTS_NOTE},
        "counts": _counts(evaluation),
        "thresholds": asdict(evaluation.thresholds),
        "review_band": {
            "low": bands.low,
            "high": bands.high,
            "binds": bands.low_limited_by,
            "novelty_line": bands.novelty_line,
        },
        "promise": guarantee_report(curve, evaluation.guarantee, bands) if curve else None,
        "costs": asdict(evaluation.costs),
        "metrics": {name: estimate.to_json() for name, estimate in evaluation.metrics.items()},
        "chance_calibration_error": evaluation.chance_calibration_error,
        "defect_types": {name: estimate.to_json() for name, estimate in evaluation.defect_types.items()},
        "novelty": {
            "detector": evaluation.predictions[0].detector,
            "auroc": {name: estimate.to_json() for name, estimate in evaluation.detectors.items()},
        },
        "confusion": evaluation.confusion,
        "cost_matrix": _cost_matrix(evaluation),
        "curves": _curves(evaluation),
        "worst_mistakes": [
            {
                **_row(evaluation, row),
                "file": f"worst/{error_image_name(number)}",
                "map": f"worst/{error_heatmap_name(number)}",
            }
            for number, row in enumerate(evaluation.worst_errors, start=1)
        ],
        "suspects": evaluation.label_issues,
        "predictions": [_row(evaluation, row) for row in evaluation.predictions],
        "warnings": evaluation.warnings,
    }


def _curves(evaluation: Evaluation) -> dict[str, Any]:
    targets = np.array([row.target for row in evaluation.predictions])
    probabilities = np.array([row.probability for row in evaluation.predictions])
    parts = [row.part for row in evaluation.predictions]
    return {
        "precision_recall": precision_recall_curve(probabilities, targets),
        "calibration": calibration_bins(evaluation.predictions),
        "cost": cost_curve(probabilities.tolist(), targets.tolist(), parts, evaluation.costs, evaluation.defect_rate),
        "reconstruction_error": error_histogram(evaluation.predictions, evaluation.thresholds.anomaly),
        "novelty": novelty_histogram(evaluation.predictions),
        "labels": [point.to_json() for point in evaluation.learning_curve],
    }


def _counts(evaluation: Evaluation) -> dict[str, int]:
    return {
        "images": len(evaluation.predictions),
        "parts": len({row.part for row in evaluation.predictions}),
        "good": sum(row.target == GOOD for row in evaluation.predictions),
        "defect": sum(row.target == DEFECT for row in evaluation.predictions),
    }


def _cost_matrix(evaluation: Evaluation) -> dict[str, Any]:
    n, counts = max(1, len(evaluation.predictions)), _counts(evaluation)
    return {
        "rows": ["good", "defect"],
        "columns": ["PASS", "FAIL"],
        "each": [[0.0, evaluation.costs.fp], [evaluation.costs.fn, 0.0]],
        "total": evaluation.total_cost,
        "per_1000_if_all_pass": 1000 * evaluation.costs.fn * counts["defect"] / n,
        "per_1000_if_all_fail": 1000 * evaluation.costs.fp * counts["good"] / n,
    }


def _row(evaluation: Evaluation, prediction: Prediction) -> dict[str, Any]:
    return {
        "name": prediction.name,
        "sha256": prediction.sha256,
        "target": prediction.target,
        "defect_type": prediction.defect_type,
        "split": prediction.split,
        "label": "FAIL" if evaluation.predicts_fail(prediction) else "PASS",
        "defect_probability": prediction.probability,
        "logit": prediction.logit,
        "reconstruction_error": prediction.reconstruction_error,
        "anomaly_threshold": prediction.anomaly_threshold,
        "novelty": prediction.novelty,
        "novel_defect_suspected": prediction.novel,
    }
