"""Times of steps as percentiles, with the slowest step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

R = TypeVar("R")


@dataclass
class Timing:
    """Times of one kind of step in milliseconds; ``limit`` bounds their 95th percentile.

    ``cpu_times`` is what the thread itself computed. The rest is waiting for PostgreSQL, the disk and other programs.
    """

    name: str
    limit: float | None = None
    times: list[float] = field(default_factory=list)
    cpu_times: list[float] = field(default_factory=list)
    slowest: str = ""

    def time(self, step: Callable[[], R], what: str = "") -> R:
        """Run the step and record its times."""
        begun, working = time.perf_counter(), time.thread_time()
        result = step()
        self.cpu_times.append((time.thread_time() - working) * 1000)
        taken = (time.perf_counter() - begun) * 1000
        if taken > max(self.times, default=0.0):
            self.slowest = what
        self.times.append(taken)
        return result

    def percentile(self, percent: float) -> float:
        """Return a percentile in milliseconds."""
        return float(np.percentile(self.times, percent))

    @property
    def within_limit(self) -> bool:
        """Return True if the limit holds or there is none."""
        return self.limit is None or self.percentile(95) < self.limit

    def table_row(self) -> str:
        """Return one line of the table."""
        figures = "".join(f"{self.percentile(percent):9.1f}" for percent in (50, 95, 99, 100))
        limit = "" if self.limit is None else f"under {self.limit:.0f}: {'yes' if self.within_limit else 'NO'}"
        own = f"{float(np.median(self.cpu_times)):9.1f}" if self.cpu_times else ""
        return f"{self.name:<38}{len(self.times):>6}{figures}{own}   {limit:<16}{self.slowest}".rstrip()


TABLE_HEADER = (
    f"{'milliseconds':<38}{'n':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}{'own p50':>9}   {'p95':<16}slowest"
)
