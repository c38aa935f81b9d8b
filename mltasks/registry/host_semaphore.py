"""Host semaphore: limits the images scored in parallel on a machine, over all its processes.

Connections are not spread evenly over web processes, so each process may use all cores. Two processes that did so at
the same time would halve each other's speed (measured: docs/performance.md). A slot is a lock on a file, which the
kernel releases however its process ends.
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

# Seconds between two tries for a lock; scoring an image takes fifty times as long.
POLL_SECONDS = 0.003


class HostSemaphore:
    """Semaphore with ``count`` slots on this machine, kept as lock files in ``folder``.

    Machines that share the folder have separate slots.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        name = socket.gethostname()
        self._lock_files = [folder / f"{name}-{number}" for number in range(count)]
        # Serves the threads of one process in order; no more of them poll the files than there are slots.
        self._process_limit = threading.Semaphore(count)

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Wait for a slot and hold it in the block. Raises OSError if the folder cannot be written."""
        with self._process_limit:
            self._folder.mkdir(parents=True, exist_ok=True)
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
    """Return the open file once it is locked; None if another holder has the lock."""
    held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held
