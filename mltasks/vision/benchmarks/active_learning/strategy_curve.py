"""Learning curves of labeling strategies: average precision by number of labels.

1. Start with 37 labels, 16 good and 21 defective, drawn by the seed.
2. On each night a strategy picks 40 parts of the stream to label.
3. After each night, and with the whole stream labeled, measure average precision on a locked 30 %. Near-duplicates
   stay on one side.
4. Compute the labels that a strategy needs to reach 98 % of the average precision with all labels. Divide them by the
   random baseline's.

The frozen trunk runs once over each part, before the first seed; a night trains only heads and detectors. All
strategies share the first night's labels and its training. The pixel autoencoder is the slowest to train and does not
enter average precision, so it trains for three epochs. It matters only where it ranks the labeled defects best of all
detectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.active_learning.label_arrivals import (
    GOAL_SHARE,
    LabelingPlan,
    StrategyCurve,
    compare_strategies,
)
from mltasks.vision.benchmarks.active_learning.one_round import FoldScores, train_and_score
from mltasks.vision.benchmarks.active_learning.pool_selection import UnlabeledPool, select_parts
from mltasks.vision.benchmarks.part_folder import NoPartsError, PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, average_precision_value
from mltasks.vision.data.splits import split_in_two
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.types import DEFECT, GOOD, Sample

SHARES = {"stream": 0.7, "locked": 0.3}
PIXEL_EPOCHS = 3
FEATURES_SHARE = 0.2
Metrics = dict[str, float]


@dataclass(frozen=True, slots=True)
class StrategySeason:
    """Nights of one seed: indices of the stream that may be labeled and of the locked holdout."""

    parts: PreparedParts
    plan: LabelingPlan
    seed: int
    stream: list[int]
    holdout: list[int]

    @classmethod
    def from_parts(cls, parts: PreparedParts, plan: LabelingPlan, seed: int) -> StrategySeason:
        """Split the images into stream and holdout."""
        everything = range(len(parts.samples))
        return cls(parts, plan, seed, *split_in_two(parts.samples, everything, SHARES, derive_seed(seed, "locked")))

    def unlabeled(self, labeled: Sequence[int]) -> list[int]:
        """Return the unlabeled indices of the stream."""
        labels = set(labeled)
        return [index for index in self.stream if index not in labels]

    def train_and_measure(self, labeled: Sequence[int], pool: Sequence[int], bench: Bench) -> tuple[FoldScores, float]:
        """Train on the labels; return scores of holdout and pool, and average precision of the holdout."""
        scores = train_and_score(self.parts, labeled, [*self.holdout, *pool], self.seed, bench.stage)
        return scores, average_precision_value(scores.logits[: len(self.holdout)], self.parts.targets[self.holdout])


def measure_strategies(samples: Sequence[Sample], plan: LabelingPlan, bench: Bench) -> Table:
    """Measure average precision by strategy after each night and the labels needed.

    ``repeats`` are seeds.
    """
    recipe = replace(bench.config, views=0, autoencoder_epochs=min(bench.config.autoencoder_epochs, PIXEL_EPOCHS))
    parts = prepare_parts(
        samples, range(len(samples)), bench.for_substage(0, FEATURES_SHARE, "computing features", recipe)
    )
    runs: dict[str, list[Metrics]] = {}
    stages = bench.for_substage(FEATURES_SHARE, 1).substages([f"seed {number + 1}" for number in range(bench.repeats)])
    for seed, stage in enumerate(stages):
        for name, figures in _run(StrategySeason.from_parts(parts, plan, seed), stage):
            runs.setdefault(name, []).append(figures)
    size = parts.context.data.config
    protocol = (
        f"{len(samples)} images in {len(set(parts.groups))} groups at {size.height} × {size.width}, 30 % of them a "
        f"locked holdout; {plan.start_good} good and {plan.start_defective} defective labels at the start, "
        f"{plan.a_night} more per night; average precision, {bench.repeats} seeds. `reached` is the share of seeds "
        "whose nights reached the goal. Where no night did, the labels are interpolated up to all labels."
    )
    return Table(protocol, [Row.from_runs(name, figures) for name, figures in runs.items()])


def _run(season: StrategySeason, bench: Bench) -> list[tuple[str, Metrics]]:
    strategies = season.plan.strategies
    whole, *stages = bench.substages(["all labels", *strategies])
    _, best = season.train_and_measure(season.stream, (), whole)
    rows = [("all labels", {"average precision": best, "labels": float(len(season.stream))})]
    whole.report_stage(rows[0][1])
    start, share = draw_start_labels(season), 1 / (1 + len(strategies))
    first = season.train_and_measure(start, season.unlabeled(start), bench.for_substage(share, share, "first labels"))
    curves: dict[str, StrategyCurve] = {}
    for name, stage in zip(strategies, stages, strict=True):
        labels, precisions = _run_nights(season, name, start, first, stage)
        curves[name] = StrategyCurve(labels, precisions, len(season.stream), best)
        rows.append((name, {season.plan.night_title(night): value for night, value in enumerate(precisions)}))
    goal = f"labels to reach {GOAL_SHARE:.0%} of all labels' average precision"
    rows.append((goal, compare_strategies(curves)))
    bench.report_row(f"{bench.stage.name}, {goal}", rows[-1][1])
    return rows


def _run_nights(
    season: StrategySeason, strategy: str, start: Sequence[int], first: tuple[FoldScores, float], bench: Bench
) -> tuple[list[int], list[float]]:
    """Return label counts and average precisions, before the first night and after each night."""
    scores, value = first
    labeled, counts, values = list(start), [len(start)], [value]
    nights = season.plan.nights
    bench.report_row(f"{bench.stage.name}, {season.plan.night_title(0)}", {"average precision": value})
    stages = bench.substages([season.plan.night_title(night) for night in range(1, nights + 1)])
    for night, stage in enumerate(stages, start=1):
        pool = season.unlabeled(labeled)
        labeled += pick_for_night(season, scores, labeled, pool, strategy, derive_seed(season.seed, strategy, night))
        # The last night needs no scores of the pool.
        rest = season.unlabeled(labeled) if night < nights else []
        scores, value = season.train_and_measure(labeled, rest, stage)
        counts.append(len(labeled))
        values.append(value)
        stage.report_stage({"average precision": value, "labels": float(len(labeled))})
    return counts, values


def draw_start_labels(season: StrategySeason) -> list[int]:
    """Draw the start labels by the seed: good and defective images of the stream.

    Raises NoPartsError when the stream has too few images of a class.
    """
    targets, plan = season.parts.targets, season.plan
    mixed = np.random.default_rng(derive_seed(season.seed, "start")).permutation(np.asarray(season.stream))
    chosen: list[int] = []
    for target, count in ((GOOD, plan.start_good), (DEFECT, plan.start_defective)):
        chosen += [int(index) for index in mixed if targets[index] == target][:count]
    if len(chosen) < plan.start_labels:
        raise NoPartsError(
            f"The stream has {len(season.stream)} images, too few of a class to start with {plan.start_good} good and "
            f"{plan.start_defective} defective labels. Lower start_good or start_defective, or add images."
        )
    return chosen


def pick_for_night(
    season: StrategySeason,
    predictions: FoldScores,
    labeled: Sequence[int],
    pool: Sequence[int],
    strategy: str,
    seed: int,
) -> list[int]:
    """Return the indices that a strategy picks for one night.

    The pool's scores are the last rows of ``predictions``.
    """
    tail = slice(len(predictions.logits) - len(pool), None)
    parts = season.parts
    waiting = UnlabeledPool(
        predictions.probabilities[tail],
        predictions.novelty[tail],
        normalized_statistics(parts, pool),
        normalized_statistics(parts, labeled),
    )
    costs = parts.context.data.config.costs
    return [pool[at] for at in select_parts(strategy, waiting, season.plan.a_night, costs=costs, seed=seed)]


def normalized_statistics(parts: PreparedParts, indices: Sequence[int]) -> NDArray[np.float32]:
    """Return standardized statistics of the trunk's maps, rows of length 1: ``[n, 2688]``."""
    everything = parts.context.data.bank.clean.statistics
    rows = (everything[np.asarray(indices, np.int64)] - everything.mean(0)) / np.maximum(everything.std(0), 1e-4)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
