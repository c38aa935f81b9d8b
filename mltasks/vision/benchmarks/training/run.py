"""Run of both trainings on the same parts, one after the other, and the printed comparison."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.printing import print_line, print_verdict
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import average_precision_value
from mltasks.vision.benchmarks.training.chart import write_race_chart
from mltasks.vision.benchmarks.training.ours import Floats, run_product
from mltasks.vision.benchmarks.training.outcome import RunComparison, SpeedComparison, compare_runs
from mltasks.vision.benchmarks.training.seed_loop import BaselineRun, run_baseline
from mltasks.vision.benchmarks.training.split import Split, sample_targets, split_in_half, take_share, write_drawn_parts
from mltasks.vision.benchmarks.training.watch import Elapsed
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.stats.intervals import Estimate
from mltasks.vision.train_config import TrainConfig
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import no_progress

# Target: the baseline's seconds over ours.
TARGET_SPEEDUP = 3.0


def run_bench(
    config: TrainConfig, data: Path | None = None, share: float = 1.0, repeats: int = 1, plot: Path | None = None
) -> int:
    """Measure and print; return 0 if ours is fast and precise enough, else 1.

    ``data`` is a folder of parts (None: drawn parts), ``share`` the share of its parts, ``plot`` the chart's path.
    Raises NoPartsError for a folder without parts.
    """
    with TemporaryDirectory(prefix="sl-bench-") as name, reproducible(config.threads) as compute:
        samples = take_share(read_folder(data, grouped=True) if data else write_drawn_parts(Path(name)), share)
        title = f"{len(samples)} {'' if data else 'drawn '}parts, half of them measured"
        print_line(f"{title}; {_machine(compute)}")
        comparisons = [_compare_split(split_in_half(samples, repeat), config, compute) for repeat in range(repeats)]
    on_processor = compute.device.type == "cpu"
    if plot:
        write_race_chart(plot, title, comparisons, on_processor=on_processor)
    return report_comparisons(comparisons, on_processor=on_processor)


def report_comparisons(comparisons: Sequence[RunComparison], *, on_processor: bool) -> int:
    """Print the table; return 0 if ours is fast and precise enough, else 1.

    Processor seconds are in brackets; they count if ``on_processor``.
    """
    print_line(f"\n{'':<34}{'average precision':<24}{'target':>6}{'ours, s':>14}{'baseline, s':>16}{'ratio':>9}")
    faults = []
    for number, comparison in enumerate(comparisons, 1):
        product, gain = comparison.product, _interval(comparison.gain)
        print_line(f"split {number}, trained on the same parts")
        print_line(_row("  classifier alone", comparison.classifier_only, comparison.classifier_speed, on_processor))
        print_line(_row("  with detectors and autoencoder", product, comparison.full_speed, on_processor))
        print_line(_row("  the same, to our precision", product, comparison.speed_to_product_precision, on_processor))
        print_line(f"  baseline loop: {_interval(comparison.baseline)}; ours is higher by {gain}")
        if not comparison.not_worse:
            faults.append(f"split {number}: ours is less precise, {gain}")
    speeds = [comparison.full_speed for comparison in comparisons]
    ratio = sum(speed.baseline_time.seconds(on_processor) for speed in speeds)
    ratio /= sum(speed.product.seconds(on_processor) for speed in speeds)
    print_line(f"\n{ratio:.1f} times as fast to the same average precision; target {TARGET_SPEEDUP:g}")
    if ratio < TARGET_SPEEDUP:
        faults.insert(0, f"{ratio:.1f} times as fast, not {TARGET_SPEEDUP:g}")
    return print_verdict(faults)


def _compare_split(split: Split, config: TrainConfig, compute: Compute) -> RunComparison:
    targets = sample_targets(split.test)
    print_line(f"trained on {len(split.train)}, measured on {len(split.test)}; seconds, average precision")
    ours = run_product(split, Bench(config, compute, 1, Stage(no_progress), lambda *_: None))
    print_line(f"  features: {_seconds(ours.feature_time)}")
    _print_step("classifier", ours.classifier_time, ours.classifier_scores, targets)
    _print_step("with detectors and autoencoder", ours.total_time, ours.scores, targets)
    baseline = BaselineRun()
    for baseline in run_baseline(split, config, compute):
        if not baseline.autoencoder.wall_s:
            epoch = baseline.epochs[-1]
            _print_step(f"epoch {len(baseline.epochs)}", epoch.elapsed, epoch.scores, targets)
    print_line(f"  baseline autoencoder: {_seconds(baseline.autoencoder)}")
    return compare_runs(split, ours, baseline)


def _print_step(name: str, elapsed: Elapsed, scores: Floats, targets: NDArray[np.int64]) -> None:
    print_line(f"  {name}: {_seconds(elapsed)}, {average_precision_value(scores, targets):.3f}")


def _seconds(spent: Elapsed) -> str:
    return f"{spent.wall_s:.1f} s, {spent.cpu_s:.1f} s of the processor"


def _row(name: str, precision: Estimate, speed: SpeedComparison, on_processor: bool) -> str:
    more = "" if speed.baseline else "> "
    return (
        f"{name:<34}{_interval(precision):<24}{speed.target_precision:6.3f}{_wall_and_cpu(speed.product):>14}"
        f"{more + _wall_and_cpu(speed.baseline_time):>16}{f'{more}{speed.speedup(on_processor):.1f}':>9}"
    )


def _wall_and_cpu(spent: Elapsed) -> str:
    return f"{spent.wall_s:.0f} ({spent.cpu_s:.0f})"


def _interval(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not measurable"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _machine(compute: Compute) -> str:
    used = compute.describe()
    return (
        f"{used['threads']} threads on {os.cpu_count()} cores, {platform.machine()}, {used['device']}, "
        f"{used['precision']}"
    )
