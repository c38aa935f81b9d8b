"""Benchmark of unseen defect types: one type left out of training, against all types known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.benchmarks.active_learning.one_round import FoldScores, review_score, train_and_score
from mltasks.vision.benchmarks.part_folder import NoPartsError, PreparedParts, baseline_recipe, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, auroc_value, average_precision_value
from mltasks.vision.data.splits import split_in_two
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.stats.metrics import calibration_error
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, Sample

SHARES = {"learn": 0.8, "test": 0.2}
VIEWS = 0


def leave_one_type_out(samples: Sequence[Sample], bench: Bench) -> Table:
    """Train without one defect type and with all types; both recipes on the same splits.

    The recipes are ours and the baseline. A left-out type is tested against held-out good parts; all types are tested
    together. Near-duplicates stay together.
    """
    if len(kinds := {sample.defect_type for sample in samples if sample.target == DEFECT}) < 2:
        raise NoPartsError(f"To leave one type of defect out there must be two or more, not only {', '.join(kinds)}.")
    ours = replace(bench.config, views=VIEWS)
    recipes = {"Second Look": ours, "the seed's recipe": baseline_recipe(ours)}
    rows: list[Row] = []
    for title, part in bench.recipes(recipes):
        parts = prepare_parts(samples, range(len(samples)), part.for_substage(0, 0.4, "looking at the parts"))
        runs = [_run(parts, seed, part.for_substage(0.4, 1)) for seed in range(bench.repeats)]
        rows += [Row.from_runs(f"{title}: {name}", [run[name] for run in runs]) for name in runs[0]]
    words = (
        f"{len(samples)} images in {len({sample.group for sample in samples})} groups of near-duplicates kept "
        f"together, 80 % to learn from (a fifth of them to weigh, calibrate and set thresholds), {bench.repeats} seeds."
    )
    return Table(words, rows)


def _run(parts: PreparedParts, seed: int, bench: Bench) -> dict[str, Mapping[str, float]]:
    everything = range(len(parts.samples))
    learn, test = split_in_two(parts.samples, everything, SHARES, derive_seed(seed, "test"))
    kinds = sorted(set(parts.kinds.tolist()) - {""})
    found: dict[str, Mapping[str, float]] = {}
    left_out: dict[str, float] = {}
    for number, kind in enumerate(["", *kinds]):
        at, step = (seed + number / (len(kinds) + 1)) / bench.repeats, 1 / bench.repeats / (len(kinds) + 1)
        part = bench.for_substage(at, at + step, f"seed {seed + 1}, {kind or 'all types known'}")
        if not kind:
            figures = all_types_metrics(train_and_score(parts, learn, test, seed, part.stage), parts.targets[test])
            found["all types known"] = figures
        else:
            left_out[kind] = _unseen_type_auroc(parts, learn, test, kind, seed, part.stage)
            figures = {"AUROC of the type never seen": left_out[kind]}
        part.report_row(part.stage.name, figures)
    mean = float(np.mean(list(left_out.values())))
    found["one type never seen (AUROC)"] = {"mean over types": mean, **left_out}
    return found


def _unseen_type_auroc(
    parts: PreparedParts, learn: Sequence[int], test: Sequence[int], kind: str, seed: int, stage: Stage
) -> float:
    """Return the AUROC of all images of the unseen type against the test side's good parts."""
    labeled = [index for index in learn if parts.kinds[index] != kind]
    seen = {parts.groups[index] for index in labeled}
    asked = [index for index in test if parts.targets[index] == GOOD]
    asked += [index for index, name in enumerate(parts.kinds) if name == kind and parts.groups[index] not in seen]
    targets = parts.targets[asked]
    return auroc_value(review_score(train_and_score(parts, labeled, asked, seed, stage), targets == GOOD), targets)


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
