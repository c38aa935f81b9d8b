"""Learning curves of labeling strategies: average precision by number of labels.

1. Start with 37 labels, 16 good and 21 defective, drawn by the seed.
2. The rest of a stream waits in the review queue, with the product's order (``simulated_queue.py``). On each night the
   first 40 parts by a strategy get labels.
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

from mltasks.vision.benchmarks.active_learning.label_arrivals import (
    GOAL_SHARE,
    LabelingPlan,
    StrategyCurve,
    compare_strategies,
)
from mltasks.vision.benchmarks.active_learning.one_round import FoldScores, train_and_score
from mltasks.vision.benchmarks.active_learning.simulated_queue import SimulatedQueue, read_fingerprints
from mltasks.vision.benchmarks.part_folder import NoPartsError, PreparedParts, prepare_parts
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, average_precision_value
from mltasks.vision.data.duplicate_groups import Fingerprint
from mltasks.vision.data.splits import split_in_two
from mltasks.vision.guarantees.thresholds import cost_threshold
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
    start: list[int]
    queue: SimulatedQueue

    @classmethod
    def from_parts(
        cls, parts: PreparedParts, fingerprints: Sequence[Fingerprint], plan: LabelingPlan, seed: int
    ) -> StrategySeason:
        """Split the images into stream and holdout, and the stream into start labels and waiting parts.

        Raises NoPartsError when the stream has too few images of a class.
        """
        everything = range(len(parts.samples))
        stream, holdout = split_in_two(parts.samples, everything, SHARES, derive_seed(seed, "locked"))
        start = draw_start_labels(parts, plan, stream, seed)
        waiting = sorted(set(stream) - set(start))
        threshold = cost_threshold(parts.context.data.config.costs)
        queue = SimulatedQueue.from_stream(fingerprints, start, waiting, threshold=threshold, seed=seed)
        return cls(parts, plan, seed, stream, holdout, start, queue)

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
    fingerprints = read_fingerprints(samples)
    runs: dict[str, list[Metrics]] = {}
    stages = bench.for_substage(FEATURES_SHARE, 1).substages([f"seed {number + 1}" for number in range(bench.repeats)])
    for seed, stage in enumerate(stages):
        for name, figures in _run(StrategySeason.from_parts(parts, fingerprints, plan, seed), stage):
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
    share = 1 / (1 + len(strategies))
    first = season.train_and_measure(
        season.start, season.unlabeled(season.start), bench.for_substage(share, share, "first labels")
    )
    curves: dict[str, StrategyCurve] = {}
    for name, stage in zip(strategies, stages, strict=True):
        labels, precisions = _run_nights(season, name, first, stage)
        curves[name] = StrategyCurve(labels, precisions, len(season.stream), best)
        rows.append((name, {season.plan.night_title(night): value for night, value in enumerate(precisions)}))
    goal = f"labels to reach {GOAL_SHARE:.0%} of all labels' average precision"
    rows.append((goal, compare_strategies(curves)))
    bench.report_row(f"{bench.stage.name}, {goal}", rows[-1][1])
    return rows


def _run_nights(
    season: StrategySeason, strategy: str, first: tuple[FoldScores, float], bench: Bench
) -> tuple[list[int], list[float]]:
    """Return label counts and average precisions, before the first night and after each night."""
    scores, value = first
    labeled, counts, values = list(season.start), [len(season.start)], [value]
    nights = season.plan.nights
    bench.report_row(f"{bench.stage.name}, {season.plan.night_title(0)}", {"average precision": value})
    stages = bench.substages([season.plan.night_title(night) for night in range(1, nights + 1)])
    for night, stage in enumerate(stages, start=1):
        pool = season.unlabeled(labeled)
        labeled += pick_for_night(season, scores, pool, strategy)
        # The last night needs no scores of the pool.
        rest = season.unlabeled(labeled) if night < nights else []
        scores, value = season.train_and_measure(labeled, rest, stage)
        counts.append(len(labeled))
        values.append(value)
        stage.report_stage({"average precision": value, "labels": float(len(labeled))})
    return counts, values


def draw_start_labels(parts: PreparedParts, plan: LabelingPlan, stream: Sequence[int], seed: int) -> list[int]:
    """Draw the start labels by the seed: good and defective images of the stream.

    Raises NoPartsError when the stream has too few images of a class.
    """
    mixed = np.random.default_rng(derive_seed(seed, "start")).permutation(np.asarray(stream))
    chosen: list[int] = []
    for target, count in ((GOOD, plan.start_good), (DEFECT, plan.start_defective)):
        chosen += [int(index) for index in mixed if parts.targets[index] == target][:count]
    if len(chosen) < plan.start_labels:
        raise NoPartsError(
            f"The stream has {len(stream)} images, too few of a class to start with {plan.start_good} good and "
            f"{plan.start_defective} defective labels. Lower start_good or start_defective, or add images."
        )
    return chosen


def pick_for_night(season: StrategySeason, predictions: FoldScores, waiting: Sequence[int], strategy: str) -> list[int]:
    """Return the parts that reviewers label in one night: the first of the queue.

    The waiting parts' scores are the last rows of ``predictions``.
    """
    tail = slice(len(predictions.logits) - len(waiting), None)
    scores = predictions.probabilities[tail], predictions.novelty[tail]
    return season.queue.first(season.plan.a_night, strategy, waiting, *scores)
