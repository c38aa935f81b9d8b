"""Benchmark of unseen defect types: one type left out of training, against all types known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.benchmarks.active_learning.one_round import FoldScores, review_score, train_and_score
from mltasks.vision.benchmarks.part_folder import NoPartsError, PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, auroc_value, average_precision_value
from mltasks.vision.data.splits import split_in_two
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.stats.metrics import calibration_error
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, Sample

SHARES = {"learn": 0.8, "test": 0.2}
FEATURES_SHARE = 0.4
ALL_TYPES = "all types known"


def leave_one_type_out(samples: Sequence[Sample], bench: Bench) -> Table:
    """Train without one defect type and with all types; both recipes on the same splits.

    The recipes are ours and the baseline. A left-out type is tested against held-out good parts; all types are tested
    together. Near-duplicates stay together.
    """
    if len(kinds := {sample.defect_type for sample in samples if sample.target == DEFECT}) < 2:
        raise NoPartsError(
            f"To leave out a defect type, the folder needs two or more types, not only {', '.join(kinds)}."
        )
    seeds = [f"seed {number}" for number in range(1, bench.repeats + 1)]
    rows: list[Row] = []
    for title, recipe in replace(bench, config=replace(bench.config, views=0)).recipes():
        parts = prepare_parts(
            samples, range(len(samples)), recipe.for_substage(0, FEATURES_SHARE, "computing features")
        )
        stages = recipe.for_substage(FEATURES_SHARE, 1).substages(seeds)
        runs = [_run(parts, seed, stage) for seed, stage in enumerate(stages)]
        rows += [Row.from_runs(f"{title}: {name}", [run[name] for run in runs]) for name in runs[0]]
    protocol = (
        f"{len(samples)} images in {len({sample.group for sample in samples})} groups of near-duplicates kept "
        f"together; 80 % for training, a fifth of them to fit weights, calibration and thresholds; "
        f"{bench.repeats} seeds."
    )
    return Table(protocol, rows)


def _run(parts: PreparedParts, seed: int, bench: Bench) -> dict[str, Mapping[str, float]]:
    everything = range(len(parts.samples))
    learn, test = split_in_two(parts.samples, everything, SHARES, derive_seed(seed, "test"))
    kinds = sorted(set(parts.kinds.tolist()) - {""})
    all_types, *stages = bench.substages([ALL_TYPES, *kinds])
    metrics = all_types_metrics(train_and_score(parts, learn, test, seed, all_types.stage), parts.targets[test])
    all_types.report_stage(metrics)
    left_out: dict[str, float] = {}
    for kind, stage in zip(kinds, stages, strict=True):
        left_out[kind] = _unseen_type_auroc(parts, learn, test, kind, seed, stage.stage)
        stage.report_stage({"AUROC of the unseen type": left_out[kind]})
    mean = float(np.mean(list(left_out.values())))
    return {ALL_TYPES: metrics, "one unseen type (AUROC)": {"mean over types": mean, **left_out}}


def _unseen_type_auroc(
    parts: PreparedParts, learn: Sequence[int], test: Sequence[int], kind: str, seed: int, stage: Stage
) -> float:
    """Return the AUROC of all images of the unseen type against the test side's good parts."""
    labeled = [index for index in learn if parts.kinds[index] != kind]
    trained_groups = {parts.groups[index] for index in labeled}
    tested = [index for index in test if parts.targets[index] == GOOD]
    tested += [
        index for index, name in enumerate(parts.kinds) if name == kind and parts.groups[index] not in trained_groups
    ]
    targets = parts.targets[tested]
    return auroc_value(review_score(train_and_score(parts, labeled, tested, seed, stage), targets == GOOD), targets)


def all_types_metrics(scores: FoldScores, targets: np.ndarray) -> dict[str, float]:
    """Return figures of a classifier trained on all types."""
    error = calibration_error(scores.probabilities, targets, np.ones((1, len(targets))))
    return {
        "average precision": average_precision_value(scores.logits, targets),
        "AUROC": auroc_value(scores.logits, targets),
        "calibration error": float(error[0]),
        "recall at 1/6": float((scores.probabilities[targets == DEFECT] >= 1 / 6).mean()),
        "false alarms at 1/6": float((scores.probabilities[targets != DEFECT] >= 1 / 6).mean()),
    }
