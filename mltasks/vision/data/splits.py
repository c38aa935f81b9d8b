"""Splits of samples: stratified, and never dividing a part."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mltasks.vision.data.disjoint_sets import DisjointSets
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.types import DEFECT, GOOD, Sample

MIN_PARTS_PER_CLASS = 4
HOLDOUT_SHARES: Mapping[str, float] = {"train": 0.64, "validation": 0.16, "test": 0.20}
INNER_SHARES: Mapping[str, float] = {"train": 0.80, "validation": 0.20}


class NotEnoughLabels(ValueError):  # noqa: N818 - the domain's word, and what pages show
    """Too few labeled parts to train; the message states how many of which class are missing."""

    def __init__(self, good_missing: int, defect_missing: int) -> None:
        self.good_missing = good_missing
        self.defect_missing = defect_missing
        missing = [
            f"{count} more {word} part{'s' if count > 1 else ''}"
            for count, word in ((good_missing, "good"), (defect_missing, "defective"))
            if count
        ]
        super().__init__(
            f"Training needs {MIN_PARTS_PER_CLASS} different parts of each class: label {' and '.join(missing)}."
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Samples that show one part and stay together; any defective image makes a part defective."""

    key: str
    samples: tuple[Sample, ...]

    @property
    def target(self) -> int:
        return max(sample.target for sample in self.samples)

    @property
    def stratum(self) -> tuple[int, str]:
        """Return class and defect type."""
        return self.target, max(sample.defect_type for sample in self.samples)


def assign_splits(samples: Sequence[Sample], config: TrainConfig) -> list[Sample]:
    """Return the samples, in their order, each with its split.

    Below ``config.cross_validate_below`` samples: ``fold-0`` to ``fold-(k-1)``, with k at most ``config.folds`` and at
    most the number of parts of the rarer class. Else ``train``, ``validation`` and ``test`` (64, 16 and 20 %). Splits
    are stratified by class and defect type; samples of one group, or with identical files, share a split. The result
    depends on the seed, not on the order of the samples.

    Raises NotEnoughLabels.
    """
    parts = collect_parts(samples)
    smallest = check_class_counts(parts)
    if len(samples) < config.cross_validate_below:
        count = max(2, min(config.folds, smallest))
        shares: Mapping[str, float] = {f"fold-{index}": 1 / count for index in range(count)}
    else:
        shares = HOLDOUT_SHARES
    split_of = assign_parts(parts, shares, config.seed)
    return [replace(sample, split=split_of[sample.sha256, sample.group]) for sample in samples]


def inner_split(samples: Sequence[Sample], seed: int) -> tuple[list[int], list[int]]:
    """Return positions of training samples to fit and of those for early stopping (80 / 20 %)."""
    return split_in_two(samples, range(len(samples)), INNER_SHARES, seed)


def split_in_two(
    samples: Sequence[Sample], indices: Sequence[int], shares: Mapping[str, float], seed: int
) -> tuple[list[int], list[int]]:
    """Split samples, by index, into two sides, stratified and grouped by part.

    ``shares`` names the sides in order.
    """
    split_of = assign_parts(collect_parts([samples[index] for index in indices]), shares, seed)
    first, second = shares
    sides: dict[str, list[int]] = {first: [], second: []}
    for index in indices:
        sides[split_of[samples[index].sha256, samples[index].group]].append(index)
    return sides[first], sides[second]


def part_keys(samples: Sequence[Sample]) -> list[str]:
    """Return the key of each sample's part; samples that must stay together share a key."""
    parts = collect_parts(samples)
    key_of = {(sample.sha256, sample.group): part.key for part in parts for sample in part.samples}
    return [key_of[sample.sha256, sample.group] for sample in samples]


def check_class_counts(parts: Sequence[Part]) -> int:
    """Return the number of parts of the rarer class. Raises NotEnoughLabels below four."""
    count = Counter(part.target for part in parts)
    missing = [max(0, MIN_PARTS_PER_CLASS - count[target]) for target in (GOOD, DEFECT)]
    if any(missing):
        raise NotEnoughLabels(*missing)
    return min(count[GOOD], count[DEFECT])


def collect_parts(samples: Sequence[Sample]) -> list[Part]:
    """Collect samples into parts: one group, or one file under several groups, is one part."""
    joined = DisjointSets[str]()
    for sample in samples:
        joined.join(*sorted((joined.find(f"group {sample.group}"), joined.find(f"file {sample.sha256}"))))
    members: dict[str, list[Sample]] = {}
    for sample in samples:
        members.setdefault(joined.find(f"file {sample.sha256}"), []).append(sample)
    # The key comes from the members, so it doesn't depend on their order.
    return [Part(min(sample.sha256 + sample.group for sample in part), tuple(part)) for part in members.values()]


def assign_parts(parts: Sequence[Part], shares: Mapping[str, float], seed: int) -> dict[tuple[str, str], str]:
    """Assign parts to splits, large parts first, and return the split by (sha256, group).

    Each part goes to the split whose share of the part's stratum and class is furthest below target.
    """
    split_of: dict[tuple[str, str], str] = {}
    totals: Counter[object] = Counter()
    have: Counter[tuple[str, object]] = Counter()
    for part in parts:
        totals.update({part.stratum: len(part.samples), part.target: len(part.samples)})

    def order(part: Part) -> tuple[int, str]:
        return -len(part.samples), hashlib.sha256(f"{seed}:{part.key}".encode()).hexdigest()

    for part in sorted(parts, key=order):
        marks: tuple[object, object] = (part.stratum, part.target)

        def shortfall(split: str, marks: tuple[object, object] = marks) -> float:
            return sum(shares[split] - have[split, mark] / totals[mark] for mark in marks)

        chosen = max(shares, key=lambda split: round(shortfall(split), 9))
        have.update({(chosen, mark): len(part.samples) for mark in marks})
        split_of.update({(sample.sha256, sample.group): chosen for sample in part.samples})
    return split_of
