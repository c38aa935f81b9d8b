"""Repeated cross-validation of the whole recipe, as ``retrain`` does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.benchmarks.part_folder import PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, auroc_value, average_precision_value
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.guarantees.thresholds import cost_threshold
from mltasks.vision.stats.metrics import calibration_error
from mltasks.vision.training.fit import cross_fit_predictions
from mltasks.vision.training.folds import TrainingContext
from mltasks.vision.types import DEFECT, Costs, Sample

FOLDS = 5
FEATURES_SHARE = 0.2
EQUAL_COSTS = Costs(fn=1, fp=1)


def measure_cross_validation(samples: Sequence[Sample], bench: Bench) -> Table:
    """Run repeated 5-fold stratified cross-validation of our recipe and the baseline recipe.

    Groups stay together. Each repeat has other splits; both recipes use the same splits.
    """
    repeats = [f"repeat {number} of {bench.repeats}" for number in range(1, bench.repeats + 1)]
    rows = []
    for title, recipe in bench.recipes():
        parts = prepare_parts(
            samples, range(len(samples)), recipe.for_substage(0, FEATURES_SHARE, "computing features")
        )
        stages = recipe.for_substage(FEATURES_SHARE, 1).substages(repeats)
        rows.append(Row.from_runs(title, [_run_repeat(parts, seed, stage) for seed, stage in enumerate(stages)]))
    protocol = (
        f"{FOLDS}-fold stratified cross-validation, {bench.repeats} repeats, {len(samples)} images in "
        f"{len({sample.group for sample in samples})} groups that stay together. Weights, calibration and thresholds "
        "of a fold come from the other folds. Mean with a 95 % interval over repeats."
    )
    return Table(protocol, rows)


def _run_repeat(parts: PreparedParts, seed: int, bench: Bench) -> dict[str, float]:
    context = assign_folds(parts, seed)
    figures = prediction_metrics(cross_fit_predictions(context, bench.stage), context.data.config.costs)
    bench.report_stage(figures)
    return figures


def assign_folds(parts: PreparedParts, seed: int) -> TrainingContext:
    """Return the training context of one repeat, whose samples carry its folds."""
    context, count = parts.with_seed(seed), len(parts.samples)
    config = replace(context.data.config, folds=FOLDS, cross_validate_below=count + 1)
    return replace(context, samples=assign_splits(parts.samples, config))


def prediction_metrics(predictions: Sequence[Prediction], costs: Costs) -> dict[str, float]:
    """Return the protocol's figures of one run."""
    p = np.array([row.probability for row in predictions])
    targets = np.array([row.target for row in predictions])
    fails, equal = p >= cost_threshold(costs), p >= cost_threshold(EQUAL_COSTS)
    return {
        "AUROC": auroc_value(p, targets),
        "average precision": average_precision_value(p, targets),
        "accuracy at equal costs": float((equal == (targets == DEFECT)).mean()),
        "recall at the costs": float(fails[targets == DEFECT].mean()),
        "false alarms at the costs": float(fails[targets != DEFECT].mean()),
        "calibration error": float(calibration_error(p, targets, np.ones((1, len(p))))[0]),
        **{
            f"AUROC of {name} alone": auroc_value(np.array([row.detectors[name] for row in predictions]), targets)
            for name in predictions[0].detectors
        },
    }
