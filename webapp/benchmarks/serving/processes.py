"""Processes of both servers, and their memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

REPOSITORY_ROOT = Path(__file__).resolve().parents[3]
START_SECONDS, STOP_SECONDS, POLL_SECONDS = 180.0, 30.0, 0.2


@contextmanager
def running_process(
    arguments: Sequence[str], log: Path, ready: str, environment: Mapping[str, str]
) -> Iterator[psutil.Process]:
    """Start this Python with ``arguments``, yield its process once ``ready`` answers, and end it afterwards.

    Raises RuntimeError with the end of its log when it does not come up.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, *arguments],
            cwd=REPOSITORY_ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
        )
    try:
        _wait_until_ready(process, log, ready)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


class PeakMemory:
    """Memory of processes in megabytes, sampled by a thread.

    ``peak`` is the most that one process took; ``totals`` are (seconds, megabytes of all processes) of each sample.
    """

    def __init__(self, find: Callable[[], Sequence[psutil.Process]], *, every: float = POLL_SECONDS) -> None:
        self.peak = 0.0
        self.totals: list[tuple[float, float]] = []
        self._find, self._every = find, every
        self._begun = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def sample(self) -> None:
        """Take one sample."""
        each = megabytes(self._find())
        self.peak = max(self.peak, *each, 0.0)
        self.totals.append((time.monotonic() - self._begun, sum(each)))

    def _watch(self) -> None:
        while not self._stopped.wait(self._every):
            self.sample()


def megabytes(processes: Iterable[psutil.Process]) -> list[float]:
    """Return the resident memory of each process that still runs, in megabytes."""
    resident = []
    for process in processes:
        try:
            resident.append(process.memory_info().rss / 2**20)
        except psutil.Error:
            continue  # it has just ended or been replaced
    return resident


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, ready: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(ready, timeout=10) as answer:  # noqa: S310 - our own address
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"{' '.join(process.args)} did not start:\n{log.read_text()[-3000:]}")  # type: ignore[arg-type]
