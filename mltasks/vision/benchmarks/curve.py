"""Does asking about the right parts pay? Average precision by the number of labels, strategy against strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.bench import Bench
from mltasks.vision.benchmarks.figures import Row, Table, precision
from mltasks.vision.benchmarks.learning import Answers, learn_and_ask, sides
from mltasks.vision.benchmarks.parts import Parts, look
from mltasks.vision.compute import derive_seed
from mltasks.vision.picking import DEFAULT_STRATEGY, Pool, pick
from mltasks.vision.types import DEFECT, GOOD, Sample

SHARES = {"stream": 0.7, "locked": 0.3}
START_GOOD, START_DEFECTIVE, A_NIGHT, NIGHTS, VIEWS = 16, 21, 40, 8, 1
STRATEGIES = (DEFAULT_STRATEGY, "random")


def learning_curve(samples: Sequence[Sample], bench: Bench) -> Table:
    """Start with 37 labels; each night a strategy picks 40 parts of the stream to be labeled; average precision on a
    locked 30 % after each night, and with the whole stream labeled. Near-duplicates stay together."""
    recipe, seeds = replace(bench.config, views=VIEWS), bench.repeats
    parts = look(samples, range(len(samples)), bench.part(0, 0.2, "looking at the parts", recipe))
    runs: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        part = bench.part(0.2 + 0.8 * seed / seeds, 0.2 + 0.8 * (seed + 1) / seeds, f"seed {seed + 1}")
        for name, figures in _run(parts, seed, part).items():
            runs.setdefault(name, []).append(figures)
    words = (
        f"{len(samples)} images in {len(set(parts.groups))} groups, 30 % locked for measuring; {START_GOOD} good and "
        f"{START_DEFECTIVE} defective to start with, {A_NIGHT} more a night; average precision, {seeds} seeds."
    )
    return Table(words, [Row.of(name, found) for name, found in runs.items()])


def _run(parts: Parts, seed: int, bench: Bench) -> dict[str, dict[str, float]]:
    stream, locked = sides(parts, range(len(parts.samples)), SHARES, derive_seed(seed, "locked"))
    share = 1 / (len(STRATEGIES) + 1)
    whole = learn_and_ask(parts, stream, locked, seed, bench.stage.part(0, share, "all labels"))
    found = {"all labels": {f"{len(stream)} labels": precision(whole.logits, parts.targets[locked])}}
    for number, strategy in enumerate(STRATEGIES, start=1):
        found[strategy] = _nights(
            parts, stream, locked, strategy, seed, bench.part(number * share, (number + 1) * share, strategy)
        )
    return found


def _nights(
    parts: Parts, stream: Sequence[int], locked: Sequence[int], strategy: str, seed: int, bench: Bench
) -> dict[str, float]:
    labeled, figures = first_labels(parts, stream, seed), dict[str, float]()
    for night in range(NIGHTS + 1):
        pool = [index for index in stream if index not in set(labeled)]
        part = bench.part(night / (NIGHTS + 1), (night + 1) / (NIGHTS + 1), f"{len(labeled)} labels")
        found = learn_and_ask(parts, labeled, [*locked, *pool], seed, part.stage)
        value = precision(found.logits[: len(locked)], parts.targets[locked])
        figures[f"{len(labeled)} labels"] = value
        part.tell(part.stage.name, {"average precision": value})
        labeled += picked(parts, found, labeled, pool, strategy, derive_seed(seed, strategy, night))
    return figures


def first_labels(parts: Parts, stream: Sequence[int], seed: int) -> list[int]:
    """The seeded start: some good and some defective images of the stream."""
    generator = np.random.default_rng(derive_seed(seed, "start"))
    mixed = generator.permutation(np.asarray(stream))
    chosen: list[int] = []
    for target, count in ((GOOD, START_GOOD), (DEFECT, START_DEFECTIVE)):
        chosen += [int(index) for index in mixed if parts.targets[index] == target][:count]
    return chosen


def picked(
    parts: Parts, found: Answers, labeled: Sequence[int], pool: Sequence[int], strategy: str, seed: int
) -> list[int]:
    """The indices that a strategy would have labeled tonight. The pool's answers are the last ones of ``found``."""
    tail = slice(len(found.logits) - len(pool), None)
    waiting = Pool(found.probabilities[tail], found.novelty[tail], embedded(parts, pool), embedded(parts, labeled))
    costs = parts.lesson.material.config.costs
    return [pool[at] for at in pick(strategy, waiting, A_NIGHT, costs=costs, seed=seed)]


def embedded(parts: Parts, indices: Sequence[int]) -> NDArray[np.float32]:
    """Standardised statistics of the trunk's maps, of length 1: ``[n, 2688]``."""
    everything = parts.lesson.material.bank.clean.statistics
    rows = (everything[np.asarray(indices)] - everything.mean(0)) / np.maximum(everything.std(0), 1e-4)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
