"""Memory of a web process: returned by the allocator, and limited by replacing the process.

Decoding frees dozens of buffers of 16 MB. glibc's allocator keeps such buffers for reuse, in an arena of each thread.
After 64 images of all sizes, decoded in 34 threads, 69 MB were free beside 15 MB in use; 37 MB with the settings
below. These settings do not prevent leaks elsewhere; hence the limit.
"""

from __future__ import annotations

import ctypes
import time

import psutil

# Options of mallopt, from glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
MMAP_BYTES, TRIM_BYTES, ARENAS = 4 << 20, 16 << 20, 2
CHECK_SECONDS, MAX_CHECKS_OVER = 5.0, 3


def configure_allocator() -> None:
    """Configure glibc's allocator in this process; do nothing with other C libraries."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for name, value in ((_MMAP_THRESHOLD, MMAP_BYTES), (_TRIM_THRESHOLD, TRIM_BYTES), (_ARENA_MAX, ARENAS)):
        mallopt(name, value)


class MemoryWatch:
    """Periodic check of a process's memory beyond its loaded versions against ``limit`` bytes."""

    def __init__(self, limit: int, *, check_seconds: float = CHECK_SECONDS) -> None:
        self._limit, self._check_seconds = limit, check_seconds
        self._process = psutil.Process()
        self._next_check_at, self._checks_over = time.monotonic() + check_seconds, 0
        self.resident_bytes = 0

    def is_over(self, loaded_bytes: int) -> bool:
        """Return True after MAX_CHECKS_OVER checks in a row over the limit.

        A single huge image is no reason. ``loaded_bytes`` are the bytes of loaded versions, which a fresh process
        would load again.
        """
        now = time.monotonic()
        if now < self._next_check_at:
            return False
        self._next_check_at = now + self._check_seconds
        self.resident_bytes = self._process.memory_info().rss
        self._checks_over = self._checks_over + 1 if self.resident_bytes - loaded_bytes > self._limit else 0
        return self._checks_over >= MAX_CHECKS_OVER
