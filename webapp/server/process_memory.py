"""Memory of a web process: given back when it is freed, and bounded by a fresh process taking its place.

Decoding frees buffers of 16 MB by the dozen. glibc's allocator keeps such buffers for later, in an arena of each of the
process's threads: after 64 images of all sizes, decoded in 34 threads, 69 MB lay free beside 15 MB in use, and 37 MB
with the settings below. A leak elsewhere is not excluded by this; hence the bound.
"""

from __future__ import annotations

import ctypes
import time

import psutil

# Of mallopt, in glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
MMAP_BYTES, TRIM_BYTES, ARENAS = 4 << 20, 16 << 20, 2
CHECK_SECONDS, MAX_CHECKS_OVER = 5.0, 3


def configure_allocator() -> None:
    """Set the allocator of this process. Does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for name, value in ((_MMAP_THRESHOLD, MMAP_BYTES), (_TRIM_THRESHOLD, TRIM_BYTES), (_ARENA_MAX, ARENAS)):
        mallopt(name, value)


class MemoryWatch:
    """Looks from time to time whether this process takes more than ``limit`` bytes beyond what it keeps on purpose."""

    def __init__(self, limit: int, *, check_seconds: float = CHECK_SECONDS) -> None:
        self._limit, self._check_seconds = limit, check_seconds
        self._process = psutil.Process()
        self._next_check_at, self._checks_over = time.monotonic() + check_seconds, 0
        self.resident_bytes = 0

    def is_over(self, loaded_bytes: int) -> bool:
        """Return True when IN_A_ROW looks in a row were over the limit: one huge image is no reason. ``kept`` are the
        bytes of loaded versions, which a fresh process would load again."""
        now = time.monotonic()
        if now < self._next_check_at:
            return False
        self._next_check_at = now + self._check_seconds
        self.resident_bytes = self._process.memory_info().rss
        self._checks_over = self._checks_over + 1 if self.resident_bytes - loaded_bytes > self._limit else 0
        return self._checks_over >= MAX_CHECKS_OVER
