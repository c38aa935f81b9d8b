"""What learning takes: seconds on the wall, and of all processor threads, which others on the machine change less."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Seconds since learning began, without those of measuring."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    def seconds(self, on_processor: bool) -> float:
        """Those that count: the processor's where it does all the work, which other programs change less."""
        return self.cpu_s if on_processor else self.wall_s

    def __add__(self, other: Elapsed) -> Elapsed:
        return Elapsed(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)


class Stopwatch:
    """Adds up what runs inside ``measure`` blocks."""

    def __init__(self) -> None:
        self.elapsed = Elapsed()

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Count what the block takes."""
        wall, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.elapsed += Elapsed(time.perf_counter() - wall, time.process_time() - processor)
