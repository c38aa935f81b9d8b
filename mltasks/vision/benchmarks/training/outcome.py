"""Comparison of the times at which both trainings reach the same average precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.repeated_figures import average_precision_value
from mltasks.vision.benchmarks.training.ours import ProductRun
from mltasks.vision.benchmarks.training.seed_loop import BaselineRun
from mltasks.vision.benchmarks.training.split import Split, sample_targets
from mltasks.vision.benchmarks.training.watch import Elapsed
from mltasks.vision.stats.intervals import Estimate, PartBootstrap
from mltasks.vision.stats.metrics import average_precision

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SpeedComparison:
    """Target average precision, and when ours and the baseline reached it (None: never)."""

    target_precision: float
    product: Elapsed
    baseline: Elapsed | None
    baseline_total: Elapsed

    @property
    def baseline_time(self) -> Elapsed:
        """Return the baseline's time to the target, or its whole time if it never reached the target."""
        return self.baseline or self.baseline_total

    def speedup(self, on_processor: bool) -> float:
        """Return the baseline's time over ours; a lower bound if the target was never reached."""
        return self.baseline_time.seconds(on_processor) / self.product.seconds(on_processor)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Figures of one split: average precisions with intervals over parts, and speed comparisons.

    ``gain`` is our average precision minus the baseline's. ``classifier_only`` is ours without detectors.
    """

    product: Estimate
    classifier_only: Estimate
    baseline: Estimate
    gain: Estimate
    classifier_speed: SpeedComparison
    full_speed: SpeedComparison
    speed_to_product_precision: SpeedComparison
    baseline_curve: list[tuple[Elapsed, float]]

    @property
    def not_worse(self) -> bool:
        """Return True unless ours is significantly worse."""
        return self.gain.high is not None and self.gain.high >= 0


def compare_runs(split: Split, product: ProductRun, baseline: BaselineRun) -> RunComparison:
    """Compare two finished runs on one split.

    The target is the lower of both final average precisions; the baseline's is that of its kept epoch. The baseline
    reaches the target with its first epoch at or above it. The autoencoder's whole time is added, except in the
    classifiers' comparison.
    """
    targets = sample_targets(split.test)
    curve = [(epoch.elapsed, average_precision_value(epoch.scores, targets)) for epoch in baseline.epochs]
    kept, kept_scores = curve[baseline.best_epoch][1], baseline.epochs[baseline.best_epoch].scores
    heads, whole = (average_precision_value(scores, targets) for scores in (product.classifier_scores, product.scores))
    bootstrap = PartBootstrap([sample.group for sample in split.test], targets.tolist(), split.seed % 2**32)

    def estimate(scores: Floats) -> Estimate:
        return bootstrap.estimate(lambda w: average_precision(scores, targets, w))

    return RunComparison(
        product=estimate(product.scores),
        classifier_only=estimate(product.classifier_scores),
        baseline=estimate(kept_scores),
        gain=bootstrap.estimate(
            lambda w: average_precision(product.scores, targets, w) - average_precision(kept_scores, targets, w)
        ),
        classifier_speed=_compare_speed(min(heads, kept), product.classifier_time, curve, Elapsed()),
        full_speed=_compare_speed(min(whole, kept), product.total_time, curve, baseline.autoencoder),
        speed_to_product_precision=_compare_speed(whole, product.total_time, curve, baseline.autoencoder),
        baseline_curve=curve,
    )


def _compare_speed(
    target_precision: float, product_time: Elapsed, curve: Sequence[tuple[Elapsed, float]], extra_time: Elapsed
) -> SpeedComparison:
    reached = next((spent + extra_time for spent, value in curve if value >= target_precision), None)
    return SpeedComparison(target_precision, product_time, reached, curve[-1][0] + extra_time)
