"""A defect that no label has shown: leave one type out, and the classifier with all types known beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mltasks.vision.benchmarks.active_learning.one_round import Answers, doubt, learn_and_ask
from mltasks.vision.benchmarks.part_folder import NoParts, Parts, look, seed_recipe
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, area, precision
from mltasks.vision.data.splits import two_sides
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.stats.metrics import calibration_error
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import DEFECT, GOOD, Sample

SHARES = {"learn": 0.8, "test": 0.2}
VIEWS = 0


def leave_one_type_out(samples: Sequence[Sample], bench: Bench) -> Table:
    """Learn from good parts and all defect types but one, tested on that type against held-out good parts; and from all
    types, tested on all. Near-duplicates stay together. Ours and the seed's recipe on the same splits."""
    if len(kinds := {sample.defect_type for sample in samples if sample.target == DEFECT}) < 2:
        raise NoParts(f"To leave one type of defect out there must be two or more, not only {', '.join(kinds)}.")
    ours = replace(bench.config, views=VIEWS)
    recipes = {"Second Look": ours, "the seed's recipe": seed_recipe(ours)}
    rows: list[Row] = []
    for title, part in bench.recipes(recipes):
        parts = look(samples, range(len(samples)), part.part(0, 0.4, "looking at the parts"))
        runs = [_run(parts, seed, part.part(0.4, 1)) for seed in range(bench.repeats)]
        rows += [Row.of(f"{title}: {name}", [run[name] for run in runs]) for name in runs[0]]
    words = (
        f"{len(samples)} images in {len({sample.group for sample in samples})} groups of near-duplicates kept "
        f"together, 80 % to learn from (a fifth of them to weigh, calibrate and set thresholds), {bench.repeats} seeds."
    )
    return Table(words, rows)


def _run(parts: Parts, seed: int, bench: Bench) -> dict[str, Mapping[str, float]]:
    everything = range(len(parts.samples))
    learn, test = two_sides(parts.samples, everything, SHARES, derive_seed(seed, "test"))
    kinds = sorted(set(parts.kinds.tolist()) - {""})
    found: dict[str, Mapping[str, float]] = {}
    left_out: dict[str, float] = {}
    for number, kind in enumerate(["", *kinds]):
        at, step = (seed + number / (len(kinds) + 1)) / bench.repeats, 1 / bench.repeats / (len(kinds) + 1)
        part = bench.part(at, at + step, f"seed {seed + 1}, {kind or 'all types known'}")
        if not kind:
            figures = known(learn_and_ask(parts, learn, test, seed, part.stage), parts.targets[test])
            found["all types known"] = figures
        else:
            left_out[kind] = _unseen(parts, learn, test, kind, seed, part.stage)
            figures = {"AUROC of the type never seen": left_out[kind]}
        part.tell(part.stage.name, figures)
    mean = float(np.mean(list(left_out.values())))
    found["one type never seen (AUROC)"] = {"mean over types": mean, **left_out}
    return found


def _unseen(parts: Parts, learn: Sequence[int], test: Sequence[int], kind: str, seed: int, stage: Stage) -> float:
    """AUROC of the unseen type, all of its images, against good parts of the test side."""
    labeled = [index for index in learn if parts.kinds[index] != kind]
    seen = {parts.groups[index] for index in labeled}
    asked = [index for index in test if parts.targets[index] == GOOD]
    asked += [index for index, name in enumerate(parts.kinds) if name == kind and parts.groups[index] not in seen]
    targets = parts.targets[asked]
    return area(doubt(learn_and_ask(parts, labeled, asked, seed, stage), targets == GOOD), targets)


def known(found: Answers, targets: np.ndarray) -> dict[str, float]:
    """Figures of a classifier that knew every type."""
    error = calibration_error(found.probabilities, targets, np.ones((1, len(targets))))
    return {
        "average precision": precision(found.logits, targets),
        "AUROC": area(found.logits, targets),
        "calibration error": float(error[0]),
        "recall at 1/6": float((found.probabilities[targets == DEFECT] >= 1 / 6).mean()),
        "false alarms at 1/6": float((found.probabilities[targets != DEFECT] >= 1 / 6).mean()),
    }
