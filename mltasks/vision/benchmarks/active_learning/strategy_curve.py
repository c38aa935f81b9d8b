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
VIEWS, PIXEL_EPOCHS = 0, 3
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
        known = set(labeled)
        return [index for index in self.stream if index not in known]

    def train_and_measure(self, labeled: Sequence[int], pool: Sequence[int], bench: Bench) -> tuple[FoldScores, float]:
        """Train on the labels; return scores of holdout and pool, and average precision.

        Average precision is measured on the holdout.
        """
        found = train_and_score(self.parts, labeled, [*self.holdout, *pool], self.seed, bench.stage)
        return found, average_precision_value(found.logits[: len(self.holdout)], self.parts.targets[self.holdout])


def measure_strategies(samples: Sequence[Sample], plan: LabelingPlan, bench: Bench) -> Table:
    """Measure average precision by strategy after each night and the labels needed.

    ``repeats`` are seeds.
    """
    recipe = replace(bench.config, views=VIEWS, autoencoder_epochs=min(bench.config.autoencoder_epochs, PIXEL_EPOCHS))
    parts = prepare_parts(
        samples, range(len(samples)), bench.for_substage(0, FEATURES_SHARE, "looking at the parts", recipe)
    )
    runs: dict[str, list[Metrics]] = {}
    for seed in range(bench.repeats):
        at, step = FEATURES_SHARE + (1 - FEATURES_SHARE) * seed / bench.repeats, (1 - FEATURES_SHARE) / bench.repeats
        for name, figures in _run(
            StrategySeason.from_parts(parts, plan, seed), bench.for_substage(at, at + step, f"seed {seed + 1}")
        ):
            runs.setdefault(name, []).append(figures)
    size = parts.context.data.config
    words = (
        f"{len(samples)} images in {len(set(parts.groups))} groups at {size.height} × {size.width}, 30 % locked for "
        f"measuring; {plan.start_good} good and {plan.start_defective} defective labels to start with, "
        f"{plan.a_night} more a night; average precision, {bench.repeats} seeds. `reached` is the share of seeds "
        "whose nights came to the goal; where none did, labels are read off the line to all labels."
    )
    return Table(words, [Row.from_runs(name, found) for name, found in runs.items()])


def _run(season: StrategySeason, bench: Bench) -> list[tuple[str, Metrics]]:
    share = 1 / (len(season.plan.strategies) + 1)
    part = bench.for_substage(0, share, "all labels")
    _, best = season.train_and_measure(season.stream, (), part)
    rows = [("all labels", {"average precision": best, "labels": float(len(season.stream))})]
    part.report_row(part.stage.name, rows[0][1])
    start = draw_start_labels(season)
    first = season.train_and_measure(start, season.unlabeled(start), bench.for_substage(share, share, "first labels"))
    curves: dict[str, StrategyCurve] = {}
    for number, name in enumerate(season.plan.strategies, start=1):
        part = bench.for_substage(number * share, (number + 1) * share, name)
        labels, precisions = _run_nights(season, name, start, first, part)
        curves[name] = StrategyCurve(labels, precisions, len(season.stream), best)
        rows.append((name, {season.plan.night_title(night): value for night, value in enumerate(precisions)}))
    needs = f"labels to reach {GOAL_SHARE:.0%} of all labels' average precision"
    rows.append((needs, compare_strategies(curves)))
    bench.report_row(f"{bench.stage.name}, {needs}", rows[-1][1])
    return rows


def _run_nights(
    season: StrategySeason, strategy: str, start: Sequence[int], first: tuple[FoldScores, float], bench: Bench
) -> tuple[list[int], list[float]]:
    """Return label counts and average precisions, before the first night and after each night."""
    labeled, counts, values = list(start), [len(start)], [first[1]]
    found, nights = first[0], season.plan.nights
    bench.report_row(f"{bench.stage.name}, {season.plan.night_title(0)}", {"average precision": values[0]})
    for night in range(1, nights + 1):
        pool = season.unlabeled(labeled)
        labeled += pick_for_night(season, found, labeled, pool, strategy, derive_seed(season.seed, strategy, night))
        part = bench.for_substage((night - 1) / nights, night / nights, season.plan.night_title(night))
        # The last night needs no scores of the pool.
        rest = season.unlabeled(labeled) if night < nights else []
        found, value = season.train_and_measure(labeled, rest, part)
        counts.append(len(labeled))
        values.append(value)
        part.report_row(part.stage.name, {"average precision": value, "labels": float(len(labeled))})
    return counts, values


def draw_start_labels(season: StrategySeason) -> list[int]:
    """Draw the start labels by the seed: good and defective images of the stream.

    Raises NoPartsError when the stream has too few images of a class.
    """
    targets, asking = season.parts.targets, season.plan
    mixed = np.random.default_rng(derive_seed(season.seed, "start")).permutation(np.asarray(season.stream))
    chosen: list[int] = []
    for target, count in ((GOOD, asking.start_good), (DEFECT, asking.start_defective)):
        chosen += [int(index) for index in mixed if targets[index] == target][:count]
    if len(chosen) < asking.start_labels:
        raise NoPartsError(
            f"The stream of {len(season.stream)} images holds too few of a kind to start with {asking.start_good} good "
            f"and {asking.start_defective} defective labels."
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
