"""What learning takes: seconds on the wall, and of all processor threads, which others on the machine change less."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds since learning began, without those of measuring."""

    wall: float = 0.0
    processor: float = 0.0

    def seconds(self, on_processor: bool) -> float:
        """Those that count: the processor's where it does all the work, which other programs change less."""
        return self.processor if on_processor else self.wall

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.wall + other.wall, self.processor + other.processor)


class Watch:
    """Adds up what runs inside ``running`` blocks."""

    def __init__(self) -> None:
        self.spent = Spent()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what the block takes."""
        wall, processor = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.spent += Spent(time.perf_counter() - wall, time.process_time() - processor)
