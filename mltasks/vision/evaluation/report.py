"""An evaluation as the report that is stored, shown and drawn: strict JSON, what could not be measured is null."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from mltasks.vision.evaluation.cost_curve import cost_curve
from mltasks.vision.evaluation.evaluate import Evaluation
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.evaluation.report_data import calibration_bins, error_histogram, novelty_histogram
from mltasks.vision.evaluation.worst_errors import map_name, picture_name
from mltasks.vision.serving.escape_guarantee import promise_report
from mltasks.vision.stats.metrics import precision_recall_curve
from mltasks.vision.types import DEFECT, GOOD

PARTS_NOTE = (
    "Images with one part id, identical files, and without part ids images that are near-duplicates by likeness, count "
    "as one part and are never divided between learning and measuring. Likeness misses some repeats of parts that "
    "hardly differ; if there are many without part ids, the figures are too good."
)


def report_of(evaluation: Evaluation) -> dict[str, Any]:
    """Strict JSON types, one row for each prediction included."""
    one = evaluation
    return {
        "protocol": {**asdict(one.protocol), "words": one.protocol.in_words(), "parts": PARTS_NOTE},
        "counts": _counts(one),
        "thresholds": asdict(one.thresholds),
        "review_band": {"low": one.bands.low, "high": one.bands.high, "binds": one.bands.binds},
        "promise": promise_report(one.escapes, one.promise, one.bands.low) if one.escapes else None,
        "costs": asdict(one.costs),
        "metrics": {name: estimate.to_json() for name, estimate in one.metrics.items()},
        "chance_calibration_error": one.chance_calibration_error,
        "defect_types": {name: estimate.to_json() for name, estimate in one.defect_types.items()},
        "novelty": {
            "detector": one.predictions[0].detector,
            "auroc": {name: estimate.to_json() for name, estimate in one.detectors.items()},
        },
        "confusion": one.confusion,
        "cost_matrix": _cost_matrix(one),
        "curves": _curves(one),
        "worst_mistakes": [
            {**_row(one, row), "file": f"worst/{picture_name(number)}", "map": f"worst/{map_name(number)}"}
            for number, row in enumerate(one.mistakes, start=1)
        ],
        "suspects": one.suspects,
        "predictions": [_row(one, row) for row in one.predictions],
        "warnings": one.warnings,
    }


def _curves(one: Evaluation) -> dict[str, Any]:
    targets = np.array([row.target for row in one.predictions])
    probabilities = np.array([row.probability for row in one.predictions])
    parts = [row.part for row in one.predictions]
    return {
        "precision_recall": precision_recall_curve(probabilities, targets),
        "calibration": calibration_bins(one.predictions),
        "cost": cost_curve(probabilities.tolist(), targets.tolist(), parts, one.costs, one.defect_rate),
        "reconstruction_error": error_histogram(one.predictions, one.thresholds.anomaly),
        "novelty": novelty_histogram(one.predictions),
        "labels": [point.to_json() for point in one.labels],
    }


def _counts(one: Evaluation) -> dict[str, int]:
    return {
        "images": len(one.predictions),
        "parts": len({row.part for row in one.predictions}),
        "good": sum(row.target == GOOD for row in one.predictions),
        "defect": sum(row.target == DEFECT for row in one.predictions),
    }


def _cost_matrix(one: Evaluation) -> dict[str, Any]:
    n, counts = max(1, len(one.predictions)), _counts(one)
    return {
        "rows": ["good", "defect"],
        "columns": ["PASS", "FAIL"],
        "each": [[0.0, one.costs.fp], [one.costs.fn, 0.0]],
        "total": one.total_cost,
        "per_1000_if_all_pass": 1000 * one.costs.fn * counts["defect"] / n,
        "per_1000_if_all_fail": 1000 * one.costs.fp * counts["good"] / n,
    }


def _row(evaluation: Evaluation, one: Prediction) -> dict[str, Any]:
    return {
        "name": one.name,
        "sha256": one.sha256,
        "target": one.target,
        "defect_type": one.defect_type,
        "split": one.split,
        "label": "FAIL" if evaluation.fails(one) else "PASS",
        "defect_probability": one.probability,
        "logit": one.logit,
        "reconstruction_error": one.reconstruction_error,
        "anomaly_threshold": one.anomaly_threshold,
        "novelty": one.novelty,
        "novel_defect_suspected": one.novel,
    }
