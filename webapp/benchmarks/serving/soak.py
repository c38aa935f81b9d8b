"""Long load at a share of capacity: parts arrive on time, answered or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from webapp.benchmarks.serving.load import Load, post_images
from webapp.benchmarks.serving.processes import PeakMemory

CAPACITY_SHARE = 0.8
# Enough cameras to have one free at each arrival.
CAMERA_COUNT = 16
POLL_SECONDS = 5.0
# Caches fill at first; the slope is computed from the rest.
WARMUP_SHARE = 0.2
# Allowed growth of all web processes in megabytes an hour
MAX_SLOPE_MB_PER_HOUR = 10.0


@dataclass
class Soak:
    """Result of a long load; ``memory`` are (seconds, megabytes of all web processes)."""

    load: Load
    rate: float
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def error_count(self) -> int:
        """Return the number of failed requests."""
        return sum(self.load.refusals.values())

    @property
    def slope(self) -> float:
        """Return the growth in megabytes an hour by least squares, after caches have filled."""
        settled = self.memory[int(WARMUP_SHARE * len(self.memory)) :]
        if len(settled) < 2:
            return 0.0
        seconds, megabytes = np.array(settled).T
        return float(np.polyfit(seconds / 3600, megabytes, 1)[0])

    def summary(self) -> str:
        """Return all figures in one line."""
        load, (first, last) = self.load, (self.memory[0][1], self.memory[-1][1])
        return (
            f"soak: {load.seconds / 60:.0f} minutes at {self.rate:.1f} parts/s ({CAPACITY_SHARE:.0%} of capacity), "
            f"{len(load.answers):,} answered, {self.error_count} errors, p50 {load.percentile(50):.0f}, "
            f"p95 {load.percentile(95):.0f}, p99 {load.percentile(99):.0f} ms; "
            f"web processes {first:.0f} MB at the start, {last:.0f} MB at the end, {self.slope:+.1f} MB an hour"
        )


def run_soak(
    url: str,
    images: Sequence[Path],
    seconds: float,
    capacity: float,
    headers: dict[str, str],
    processes: Callable[[], list[psutil.Process]],
) -> Soak:
    """Post at CAPACITY_SHARE of ``capacity`` for ``seconds`` seconds, and sample memory.

    ``capacity`` is in parts a second.
    """
    rate = CAPACITY_SHARE * capacity
    with PeakMemory(processes, every=POLL_SECONDS) as memory:
        load = post_images(url, images, CAMERA_COUNT, seconds, headers, rate=rate)
    return Soak(load, rate, memory.totals)
