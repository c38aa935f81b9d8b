"""Run of both trainings on the same parts, one after the other, and the printed comparison."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.printing import print_line, print_verdict
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import average_precision_value
from mltasks.vision.benchmarks.training.chart import write_race_chart
from mltasks.vision.benchmarks.training.ours import ProductRun, run_product
from mltasks.vision.benchmarks.training.outcome import RunComparison, SpeedComparison, compare_runs, sample_targets
from mltasks.vision.benchmarks.training.seed_loop import BaselineRun, run_baseline
from mltasks.vision.benchmarks.training.split import Split, split_in_half, take_share, write_drawn_parts
from mltasks.vision.benchmarks.training.watch import Elapsed
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.stats.intervals import Estimate
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import TrainConfig, no_progress

# Target: the baseline's seconds over ours.
TARGET_SPEEDUP = 3.0


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """Folder of parts (None: drawn parts), share of the parts, splits, and chart path."""

    data: Path | None = None
    share: float = 1.0
    repeats: int = 1
    plot: Path | None = None


def run_bench(options: BenchOptions, config: TrainConfig) -> int:
    """Measure and print; return 0 if ours is fast and precise enough, else 1.

    Raises NoPartsError for a folder without parts.
    """
    with TemporaryDirectory(prefix="sl-bench-") as name, reproducible(config.threads) as compute:
        parts = read_folder(options.data, grouped=True) if options.data else write_drawn_parts(Path(name))
        samples = take_share(parts, options.share)
        title = f"{len(samples)} {'' if options.data else 'drawn '}parts, half of them measured"
        print_line(f"{title}; {_machine(compute)}")
        found = [_compare_split(split_in_half(samples, repeat), config, compute) for repeat in range(options.repeats)]
    on_processor = compute.device.type == "cpu"
    if options.plot:
        write_race_chart(options.plot, title, found, on_processor=on_processor)
    return report_comparisons(found, on_processor=on_processor)


def report_comparisons(comparisons: Sequence[RunComparison], *, on_processor: bool) -> int:
    """Print the table; return 0 if ours is fast and precise enough, else 1.

    Processor seconds are in brackets; they count if ``on_processor``.
    """
    print_line(f"\n{'':<34}{'average precision':<24}{'goal':>6}{'ours, s':>14}{'the seed, s':>16}{'ratio':>9}")
    for number, one in enumerate(comparisons, 1):
        print_line(f"split {number}, learned from the same parts")
        print_line(_line("  classifier alone", one.classifier_only, one.classifier_speed, on_processor))
        print_line(_line("  with detectors and autoencoder", one.product, one.full_speed, on_processor))
        print_line(_line("  the same, to ours", one.product, one.speed_to_product_precision, on_processor))
        print_line(f"  the seed's loop: {_interval(one.baseline)}; ours is more by {_interval(one.gain)}")
    ratio = sum((one.full_speed.baseline or one.full_speed.baseline_total).seconds(on_processor) for one in comparisons)
    ratio /= sum(one.full_speed.product.seconds(on_processor) for one in comparisons)
    print_line(f"\n{ratio:.1f} times as fast to the same average precision; wanted {TARGET_SPEEDUP:g}")
    wrong = [] if ratio >= TARGET_SPEEDUP else [f"{ratio:.1f} times as fast, not {TARGET_SPEEDUP:g}"]
    wrong += [
        f"split {number}: ours is less precise, {_interval(one.gain)}"
        for number, one in enumerate(comparisons, 1)
        if not one.not_worse
    ]
    return print_verdict(wrong)


def _compare_split(split: Split, config: TrainConfig, compute: Compute) -> RunComparison:
    ours = run_product(split, Bench(config, compute, 1, Stage(no_progress), lambda *_: None))
    _print_product_run(split, ours)
    targets, seed = sample_targets(split.test), BaselineRun()
    for seed in run_baseline(split, config, compute):
        if not seed.autoencoder.wall_s:
            last = seed.epochs[-1]
            print_line(
                f"  epoch {len(seed.epochs)}: {_seconds(last.elapsed)}, "
                f"{average_precision_value(last.scores, targets):.3f}"
            )
    print_line(f"  the seed's autoencoder: {_seconds(seed.autoencoder)}")
    return compare_runs(split, ours, seed)


def _print_product_run(split: Split, ours: ProductRun) -> None:
    print_line(f"learned from {len(split.train)}, measured on {len(split.test)}; seconds, average precision")
    targets = sample_targets(split.test)
    print_line(f"  looking: {_seconds(ours.feature_time)}")
    classifier_precision = average_precision_value(ours.classifier_scores, targets)
    print_line(f"  classifier: {_seconds(ours.classifier_time)}, {classifier_precision:.3f}")
    precision = average_precision_value(ours.scores, targets)
    print_line(f"  with detectors and autoencoder: {_seconds(ours.total_time)}, {precision:.3f}")


def _seconds(spent: Elapsed) -> str:
    return f"{spent.wall_s:.1f} s, of the processor {spent.cpu_s:.1f}"


def _line(name: str, reached: Estimate, race: SpeedComparison, on_processor: bool) -> str:
    more = "" if race.baseline else "> "
    ours, seed = race.product, race.baseline or race.baseline_total
    ratio = race.speedup(on_processor)
    return (
        f"{name:<34}{_interval(reached):<24}{race.target_precision:6.3f}"
        f"{_wall_and_cpu(ours):>14}{more + _wall_and_cpu(seed):>16}"
        f"{f'{more}{ratio:.1f}':>9}"
    )


def _wall_and_cpu(spent: Elapsed) -> str:
    return f"{spent.wall_s:.0f} ({spent.cpu_s:.0f})"


def _interval(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "not measurable"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _machine(compute: Compute) -> str:
    said = compute.describe()
    where = f"{os.cpu_count()} cores, {platform.machine()}, {said['device']}, {said['precision']}"
    return f"{said['threads']} threads on {where}"
