"""Does asking about the right parts pay? Average precision by the number of labels, strategy against strategy.

Start with 37 labels, 16 good and 21 defective, drawn by the seed; each night a strategy picks 40 parts of the stream to
be labeled. Average precision on a locked 30 % after each night, and with the whole stream labeled; near-duplicates stay
on one side. The last row is what it comes to: the labels that a strategy needs to reach 98 % of the average precision
that all labels give, and that number over what chance needs.

All that a night costs is the heads and detectors that stand on the frozen trunk. The trunk runs once over each part,
before the first seed, and what it saw serves every night, strategy and seed. The first night's labels are the same for
all strategies, so it is learned once. The pixel autoencoder, which is the dearest to train and has no say in average
precision, learns for three epochs: it matters only where it ranks the labeled defects best of all detectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.active_learning.label_arrivals import GOAL, Asking, Curve, compared
from mltasks.vision.benchmarks.active_learning.one_round import Answers, learn_and_ask
from mltasks.vision.benchmarks.active_learning.pool_selection import Pool, pick
from mltasks.vision.benchmarks.part_folder import NoParts, Parts, look
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import Row, Table, precision
from mltasks.vision.data.splits import two_sides
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.types import DEFECT, GOOD, Sample

SHARES = {"stream": 0.7, "locked": 0.3}
VIEWS, PIXEL_EPOCHS = 0, 3
LOOKING = 0.2
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Season:
    """One seed's nights: the stream that may be labeled and the locked images that only measure, as indices."""

    parts: Parts
    asking: Asking
    seed: int
    stream: list[int]
    locked: list[int]

    @classmethod
    def of(cls, parts: Parts, asking: Asking, seed: int) -> Season:
        """The images dealt to both sides."""
        everything = range(len(parts.samples))
        return cls(parts, asking, seed, *two_sides(parts.samples, everything, SHARES, derive_seed(seed, "locked")))

    def pool(self, labeled: Sequence[int]) -> list[int]:
        """What of the stream has no label yet."""
        known = set(labeled)
        return [index for index in self.stream if index not in known]

    def learn(self, labeled: Sequence[int], pool: Sequence[int], bench: Bench) -> tuple[Answers, float]:
        """Learn from the labels; the answers about locked images and pool, and average precision on the former."""
        found = learn_and_ask(self.parts, labeled, [*self.locked, *pool], self.seed, bench.stage)
        return found, precision(found.logits[: len(self.locked)], self.parts.targets[self.locked])


def learning_curve(samples: Sequence[Sample], asking: Asking, bench: Bench) -> Table:
    """Average precision after each night by strategy, with all labels, and the labels needed; see above. ``repeats``
    are seeds."""
    recipe = replace(bench.config, views=VIEWS, autoencoder_epochs=min(bench.config.autoencoder_epochs, PIXEL_EPOCHS))
    parts = look(samples, range(len(samples)), bench.part(0, LOOKING, "looking at the parts", recipe))
    runs: dict[str, list[Figures]] = {}
    for seed in range(bench.repeats):
        at, step = LOOKING + (1 - LOOKING) * seed / bench.repeats, (1 - LOOKING) / bench.repeats
        for name, figures in _run(Season.of(parts, asking, seed), bench.part(at, at + step, f"seed {seed + 1}")):
            runs.setdefault(name, []).append(figures)
    size = parts.lesson.material.config
    words = (
        f"{len(samples)} images in {len(set(parts.groups))} groups at {size.height} × {size.width}, 30 % locked for "
        f"measuring; {asking.start_good} good and {asking.start_defective} defective labels to start with, "
        f"{asking.a_night} more a night; average precision, {bench.repeats} seeds. `reached` is the share of seeds "
        "whose nights came to the goal; where none did, labels are read off the line to all labels."
    )
    return Table(words, [Row.of(name, found) for name, found in runs.items()])


def _run(season: Season, bench: Bench) -> list[tuple[str, Figures]]:
    share = 1 / (len(season.asking.strategies) + 1)
    part = bench.part(0, share, "all labels")
    _, best = season.learn(season.stream, (), part)
    rows = [("all labels", {"average precision": best, "labels": float(len(season.stream))})]
    part.tell(part.stage.name, rows[0][1])
    start = first_labels(season)
    first = season.learn(start, season.pool(start), bench.part(share, share, "first labels"))
    curves: dict[str, Curve] = {}
    for number, name in enumerate(season.asking.strategies, start=1):
        part = bench.part(number * share, (number + 1) * share, name)
        labels, precisions = _nights(season, name, start, first, part)
        curves[name] = Curve(labels, precisions, len(season.stream), best)
        rows.append((name, {season.asking.night(night): value for night, value in enumerate(precisions)}))
    needs = f"labels to reach {GOAL:.0%} of all labels' average precision"
    rows.append((needs, compared(curves)))
    bench.tell(f"{bench.stage.name}, {needs}", rows[-1][1])
    return rows


def _nights(
    season: Season, strategy: str, start: Sequence[int], first: tuple[Answers, float], bench: Bench
) -> tuple[list[int], list[float]]:
    """The number of labels and average precision, before the first night and after each."""
    labeled, counts, values = list(start), [len(start)], [first[1]]
    found, nights = first[0], season.asking.nights
    bench.tell(f"{bench.stage.name}, {season.asking.night(0)}", {"average precision": values[0]})
    for night in range(1, nights + 1):
        pool = season.pool(labeled)
        labeled += picked(season, found, labeled, pool, strategy, derive_seed(season.seed, strategy, night))
        part = bench.part((night - 1) / nights, night / nights, season.asking.night(night))
        # Nobody picks after the last night.
        rest = season.pool(labeled) if night < nights else []
        found, value = season.learn(labeled, rest, part)
        counts.append(len(labeled))
        values.append(value)
        part.tell(part.stage.name, {"average precision": value, "labels": float(len(labeled))})
    return counts, values


def first_labels(season: Season) -> list[int]:
    """The seeded start: some good and some defective images of the stream. Raises NoParts for too few of them."""
    targets, asking = season.parts.targets, season.asking
    mixed = np.random.default_rng(derive_seed(season.seed, "start")).permutation(np.asarray(season.stream))
    chosen: list[int] = []
    for target, count in ((GOOD, asking.start_good), (DEFECT, asking.start_defective)):
        chosen += [int(index) for index in mixed if targets[index] == target][:count]
    if len(chosen) < asking.start:
        raise NoParts(
            f"The stream of {len(season.stream)} images holds too few of a kind to start with {asking.start_good} good "
            f"and {asking.start_defective} defective labels."
        )
    return chosen


def picked(
    season: Season, found: Answers, labeled: Sequence[int], pool: Sequence[int], strategy: str, seed: int
) -> list[int]:
    """The indices that a strategy would have labeled tonight. The pool's answers are the last ones of ``found``."""
    tail = slice(len(found.logits) - len(pool), None)
    parts = season.parts
    waiting = Pool(found.probabilities[tail], found.novelty[tail], embedded(parts, pool), embedded(parts, labeled))
    costs = parts.lesson.material.config.costs
    return [pool[at] for at in pick(strategy, waiting, season.asking.a_night, costs=costs, seed=seed)]


def embedded(parts: Parts, indices: Sequence[int]) -> NDArray[np.float32]:
    """Standardised statistics of the trunk's maps, of length 1: ``[n, 2688]``."""
    everything = parts.lesson.material.bank.clean.statistics
    rows = (everything[np.asarray(indices, np.int64)] - everything.mean(0)) / np.maximum(everything.std(0), 1e-4)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
