"""Repeated cross-validation of the whole recipe, as ``retrain`` does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.benchmarks.part_folder import PreparedParts, baseline_recipe, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, auroc_value, average_precision_value
from mltasks.vision.data.splits import assign_splits
from mltasks.vision.evaluation.predictions import Prediction
from mltasks.vision.serving.thresholds import cost_threshold
from mltasks.vision.stats.metrics import calibration_error
from mltasks.vision.training.fit import cross_fit_predictions
from mltasks.vision.types import DEFECT, Costs, Sample

FOLDS = 5
EQUAL_COSTS = Costs(fn=1, fp=1)


def measure_cross_validation(samples: Sequence[Sample], bench: Bench) -> Table:
    """Run repeated 5-fold stratified cross-validation of our recipe and the baseline recipe.

    Groups stay together. Each repeat has other splits; both recipes use the same splits.
    """
    recipes = {"Second Look": bench.config, "the seed's recipe": baseline_recipe(bench.config)}
    rows = []
    for title, part in bench.recipes(recipes):
        parts = prepare_parts(samples, range(len(samples)), part.for_substage(0, 0.2, "looking at the parts"))
        rows.append(Row.from_runs(title, [_run_repeat(parts, seed, part) for seed in range(bench.repeats)]))
    words = (
        f"{FOLDS}-fold stratified cross-validation, {bench.repeats} repeats, {len(samples)} images in "
        f"{len({sample.group for sample in samples})} groups that stay together. Weights, calibration and thresholds "
        "of a fold come from the other folds. Mean with a 95 % interval over repeats."
    )
    return Table(words, rows)


def _run_repeat(parts: PreparedParts, seed: int, bench: Bench) -> dict[str, float]:
    title = f"repeat {seed + 1} of {bench.repeats}"
    lesson = parts.with_seed(seed)
    config = lesson.data.config
    samples = assign_splits(parts.samples, replace(config, folds=FOLDS, cross_validate_below=len(parts.samples) + 1))
    share = 0.2 + 0.8 * np.array([seed, seed + 1]) / bench.repeats
    stage = bench.stage.substage(float(share[0]), float(share[1]), title)
    found = prediction_metrics(cross_fit_predictions(replace(lesson, samples=samples), stage), config.costs)
    bench.report_row(f"{bench.stage.name}, {title}", found)
    return found


def prediction_metrics(predictions: Sequence[Prediction], costs: Costs) -> dict[str, float]:
    """Return the protocol's figures of one run."""
    p = np.array([one.probability for one in predictions])
    targets = np.array([one.target for one in predictions])
    found: Mapping[str, np.ndarray] = {name: _detector(predictions, name) for name in predictions[0].detectors}
    fails, equal = p >= cost_threshold(costs), p >= cost_threshold(EQUAL_COSTS)
    return {
        "AUROC": auroc_value(p, targets),
        "average precision": average_precision_value(p, targets),
        "accuracy at equal costs": float((equal == (targets == DEFECT)).mean()),
        "recall at the costs": float(fails[targets == DEFECT].mean()),
        "false alarms at the costs": float(fails[targets != DEFECT].mean()),
        "calibration error": float(calibration_error(p, targets, np.ones((1, len(p))))[0]),
        **{f"AUROC of {name} alone": auroc_value(values, targets) for name, values in found.items()},
    }


def _detector(predictions: Sequence[Prediction], name: str) -> np.ndarray:
    return np.array([one.detectors[name] for one in predictions])
