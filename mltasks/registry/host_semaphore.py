"""Host semaphore: limits the images scored in parallel on a machine, over all its processes.

Connections are not spread evenly over web processes, so each process may use all cores. Two processes that did so at
the same time would halve each other's speed (measured: docs/performance.md). A slot is a lock on a file, which the
kernel releases however its process ends. Within a process the earliest deadline is served first.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mltasks.registry.deadline_queue import DeadlineQueue, SlotRequest, SlotTooLate

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
        # Only the first thread of a process polls the files, so that no other thread takes a slot before it.
        self._queue = DeadlineQueue(self._try_locks, POLL_SECONDS)

    @contextmanager
    def acquire(self, request: SlotRequest | None = None) -> Iterator[None]:
        """Wait for a slot and hold it in the block.

        Raises SlotTooLate if the request gives up, and OSError if the folder cannot be written.
        """
        request = request or SlotRequest()
        self._folder.mkdir(parents=True, exist_ok=True)
        held = self._queue.acquire(request)
        if held is None:
            raise SlotTooLate
        request.acquired_at = time.perf_counter()
        try:
            yield
        finally:
            os.close(held)
            self._queue.wake()

    def _try_locks(self) -> int | None:
        return next((held for file in self._lock_files if (held := _try_lock(file)) is not None), None)


def _try_lock(file: Path) -> int | None:
    """Return the open file once it is locked; None if another holder has the lock."""
    held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held
