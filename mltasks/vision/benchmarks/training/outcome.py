"""Who reached the same average precision, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.repeated_figures import precision
from mltasks.vision.benchmarks.training.ours import OurRun
from mltasks.vision.benchmarks.training.seed_loop import SeedRun
from mltasks.vision.benchmarks.training.split import Split
from mltasks.vision.benchmarks.training.watch import Spent
from mltasks.vision.stats.intervals import Estimate, PartBootstrap
from mltasks.vision.stats.metrics import average_precision
from mltasks.vision.types import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Race:
    """Average precision to be reached, when ours was there and when the seed's loop was (None: never)."""

    goal: float
    ours: Spent
    seed: Spent | None
    longest: Spent

    def ratio(self, on_processor: bool) -> float:
        """How many times as long the seed's loop takes; at least so many, where it never came there."""
        return (self.seed or self.longest).seconds(on_processor) / self.ours.seconds(on_processor)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One split's figures: average precision of both with its interval over parts, and of ours without detectors;
    ``gain`` is by how much ours exceeds the seed's."""

    ours: Estimate
    classified: Estimate
    seed: Estimate
    gain: Estimate
    classifier_race: Race
    race: Race
    race_to_ours: Race
    seed_curve: list[tuple[Spent, float]]

    @property
    def as_good(self) -> bool:
        """Whether ours is not worse beyond chance."""
        return self.gain.high is not None and self.gain.high >= 0


def targets_of(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """0 good, 1 defect, ``[n]``."""
    return np.array([one.target for one in samples], np.int64)


def outcome(split: Split, ours: OurRun, seed: SeedRun) -> Outcome:
    """Compare two finished runs on one split.

    The goal is the lower of what both end with, the seed's loop with the epoch that it keeps, and it is there with the
    first epoch that is not below. With it counts all of the autoencoder, but for the classifiers' own race.
    """
    targets = targets_of(split.measured)
    curve = [(one.spent, precision(one.scores, targets)) for one in seed.epochs]
    kept = curve[seed.kept][1]
    heads, whole = (precision(one, targets) for one in (ours.classified, ours.scores))
    bootstrap = PartBootstrap([one.group for one in split.measured], targets.tolist(), split.seed % 2**32)

    def estimate(*scores: Floats) -> Estimate:
        first, *minus = scores
        return bootstrap.estimate(
            lambda w: average_precision(first, targets, w) - sum(average_precision(one, targets, w) for one in minus)
        )

    its = seed.epochs[seed.kept].scores
    return Outcome(
        ours=estimate(ours.scores),
        classified=estimate(ours.classified),
        seed=estimate(its),
        gain=estimate(ours.scores, its),
        classifier_race=_race(min(heads, kept), ours.classifier, curve, Spent()),
        race=_race(min(whole, kept), ours.whole, curve, seed.autoencoder),
        race_to_ours=_race(whole, ours.whole, curve, seed.autoencoder),
        seed_curve=curve,
    )


def _race(goal: float, ours: Spent, curve: Sequence[tuple[Spent, float]], besides: Spent) -> Race:
    there = next((spent + besides for spent, reached in curve if reached >= goal), None)
    return Race(goal, ours, there, curve[-1][0] + besides)
