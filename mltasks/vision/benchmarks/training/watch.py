"""Elapsed wall and processor seconds.

Other load on the machine changes processor seconds less.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Seconds since training began, without those of scoring."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def seconds(self, on_processor: bool) -> float:
        """Return processor seconds if ``on_processor``, else wall seconds."""
        return self.cpu_s if on_processor else self.wall_s

    def __add__(self, other: Elapsed) -> Elapsed:
        return Elapsed(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)


class Stopwatch:
    """Sum of the time spent inside ``measure`` blocks."""

    def __init__(self) -> None:
        self.elapsed = Elapsed()

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Add the time of the block."""
        wall, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.elapsed += Elapsed(time.perf_counter() - wall, time.process_time() - processor)
