"""Both learn in turn from the same parts, and what came of it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mltasks.vision.benchmarks.part_folder import read_folder
from mltasks.vision.benchmarks.printing import print_verdict, say
from mltasks.vision.benchmarks.protocol import Bench
from mltasks.vision.benchmarks.repeated_figures import precision
from mltasks.vision.benchmarks.training.chart import draw
from mltasks.vision.benchmarks.training.ours import OurRun, run_ours
from mltasks.vision.benchmarks.training.outcome import Outcome, Race, outcome, targets_of
from mltasks.vision.benchmarks.training.seed_loop import SeedRun, run_seed
from mltasks.vision.benchmarks.training.split import Split, drawn_parts, halves, share_of
from mltasks.vision.benchmarks.training.watch import Spent
from mltasks.vision.networks.compute import Compute, reproducible
from mltasks.vision.stats.intervals import Estimate
from mltasks.vision.training.progress import Stage
from mltasks.vision.types import TrainConfig, no_progress

# What is aimed at: the seed's seconds over ours.
WANTED = 3.0


@dataclass(frozen=True, slots=True)
class Order:
    """A folder of parts, or None for drawn ones; of these a share; how many splits, and where the figure goes."""

    data: Path | None = None
    share: float = 1.0
    repeats: int = 1
    plot: Path | None = None


def run(order: Order, config: TrainConfig) -> int:
    """Measure, print, and say whether it is enough: 0, else 1. Raises NoParts for a folder without parts."""
    with TemporaryDirectory(prefix="sl-bench-") as name, reproducible(config.threads) as compute:
        parts = read_folder(order.data, grouped=True) if order.data else drawn_parts(Path(name))
        samples = share_of(parts, order.share)
        title = f"{len(samples)} {'' if order.data else 'drawn '}parts, half of them measured"
        say(f"{title}; {_machine(compute)}")
        found = [_one(halves(samples, repeat), config, compute) for repeat in range(order.repeats)]
    on_processor = compute.device.type == "cpu"
    if order.plot:
        draw(order.plot, title, found, on_processor=on_processor)
    return verdict(found, on_processor=on_processor)


def verdict(found: Sequence[Outcome], *, on_processor: bool) -> int:
    """Print the table, and return 0 where ours was fast enough and as good, else 1. In brackets are the processor's
    seconds, which count where ``on_processor``."""
    say(f"\n{'':<34}{'average precision':<24}{'goal':>6}{'ours, s':>14}{'the seed, s':>16}{'ratio':>9}")
    for number, one in enumerate(found, 1):
        say(f"split {number}, learned from the same parts")
        say(_line("  classifier alone", one.classified, one.classifier_race, on_processor))
        say(_line("  with detectors and autoencoder", one.ours, one.race, on_processor))
        say(_line("  the same, to ours", one.ours, one.race_to_ours, on_processor))
        say(f"  the seed's loop: {_interval(one.seed)}; ours is more by {_interval(one.gain)}")
    ratio = sum((one.race.seed or one.race.longest).seconds(on_processor) for one in found)
    ratio /= sum(one.race.ours.seconds(on_processor) for one in found)
    say(f"\n{ratio:.1f} times as fast to the same average precision; wanted {WANTED:g}")
    wrong = [] if ratio >= WANTED else [f"{ratio:.1f} times as fast, not {WANTED:g}"]
    wrong += [
        f"split {number}: ours is less precise, {_interval(one.gain)}"
        for number, one in enumerate(found, 1)
        if not one.as_good
    ]
    return print_verdict(wrong)


def _one(split: Split, config: TrainConfig, compute: Compute) -> Outcome:
    ours = run_ours(split, Bench(config, compute, 1, Stage(no_progress), lambda *_: None))
    _told_ours(split, ours)
    targets, seed = targets_of(split.measured), SeedRun()
    for seed in run_seed(split, config, compute):
        if not seed.autoencoder.wall:
            last = seed.epochs[-1]
            say(f"  epoch {len(seed.epochs)}: {_seconds(last.spent)}, {precision(last.scores, targets):.3f}")
    say(f"  the seed's autoencoder: {_seconds(seed.autoencoder)}")
    return outcome(split, ours, seed)


def _told_ours(split: Split, ours: OurRun) -> None:
    say(f"learned from {len(split.learned)}, measured on {len(split.measured)}; seconds, average precision")
    targets = targets_of(split.measured)
    say(f"  looking: {_seconds(ours.looking)}")
    say(f"  classifier: {_seconds(ours.classifier)}, {precision(ours.classified, targets):.3f}")
    say(f"  with detectors and autoencoder: {_seconds(ours.whole)}, {precision(ours.scores, targets):.3f}")


def _seconds(spent: Spent) -> str:
    return f"{spent.wall:.1f} s, of the processor {spent.processor:.1f}"


def _line(name: str, reached: Estimate, race: Race, on_processor: bool) -> str:
    more = "" if race.seed else "> "
    ours, seed = race.ours, race.seed or race.longest
    ratio = race.ratio(on_processor)
    return (
        f"{name:<34}{_interval(reached):<24}{race.goal:6.3f}{_both(ours):>14}{more + _both(seed):>16}"
        f"{f'{more}{ratio:.1f}':>9}"
    )


def _both(spent: Spent) -> str:
    return f"{spent.wall:.0f} ({spent.processor:.0f})"


def _interval(one: Estimate) -> str:
    if one.value is None or one.low is None or one.high is None:
        return "not measurable"
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _machine(compute: Compute) -> str:
    said = compute.describe()
    where = f"{os.cpu_count()} cores, {platform.machine()}, {said['device']}, {said['precision']}"
    return f"{said['threads']} threads on {where}"
