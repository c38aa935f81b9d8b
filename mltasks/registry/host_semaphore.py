"""As many images are scored at once on a machine as it has cores for, whichever of its processes has them.

Connections are not spread evenly over web processes, so each may use all cores; but two that did at once would halve
each other's pace (measured: docs/performance.md). A turn is a lock on a file, which the kernel gives back however its
process ends.
"""

from __future__ import annotations

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Seconds between two looks at who is done; scoring an image takes fifty times as long.
POLL_SECONDS = 0.003


class HostSemaphore:
    """``count`` turns on this machine, kept in ``folder``; machines that share the folder have turns of their own."""

    def __init__(self, folder: Path, count: int) -> None:
        name = socket.gethostname()
        self._lock_files = [folder / f"{name}-{number}" for number in range(count)]
        # In the order in which they came, of one process: no more look at the files than could have a turn.
        self._process_limit = threading.Semaphore(count)

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Wait for a turn and have it in the block. Raises OSError when the folder can't be written."""
        with self._process_limit:
            held = self._wait_for_lock()
            try:
                yield
            finally:
                os.close(held)

    def _wait_for_lock(self) -> int:
        while True:
            for file in self._lock_files:
                if (held := _try_lock(file)) is not None:
                    return held
            time.sleep(POLL_SECONDS)


def _try_lock(file: Path) -> int | None:
    """The open file whose lock is ours now; None when it is another's."""
    try:
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held
