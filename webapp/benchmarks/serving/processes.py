"""Processes of both servers: start and stop, memory, processor time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from webapp.supervisor.parent_death import parent_death_command

REPOSITORY_ROOT = Path(__file__).resolve().parents[3]
# Finding the processes takes 10 ms, so memory is sampled every two seconds.
START_SECONDS, STOP_SECONDS, POLL_SECONDS = 300.0, 30.0, 2.0


@contextmanager
def running_process(
    arguments: Sequence[str], log: Path, ready: str, environment: Mapping[str, str], cores: Collection[int] = ()
) -> Iterator[psutil.Process]:
    """Start this Python with ``arguments``, yield its process once ``ready`` answers, and end it afterwards.

    With ``cores``, it and its children run on these cores only. It also ends when this process is killed. Raises
    RuntimeError with the end of its log when it does not come up.
    """
    with log.open("ab") as out, _limited_to(cores):
        process = subprocess.Popen(  # noqa: S603 - our own commands
            parent_death_command([sys.executable, *arguments], signal.SIGTERM),
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


@contextmanager
def _limited_to(cores: Collection[int]) -> Iterator[None]:
    """Limit this thread to ``cores``, if any, so that a process started in the block inherits them. Linux only."""
    if not cores:
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class PeakMemory:
    """Memory of processes in megabytes, sampled by a thread and at the end.

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
        self.sample()

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


def with_children(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants; none if it has ended."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return processor seconds of processes, in user and system mode, with their ended and reaped children."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and both of the children
        except psutil.Error:
            continue  # its parent has its seconds once it is reaped
    return total


def listens_on(process: psutil.Process, port: int) -> bool:
    """Return True if a process or one of its descendants accepts connections on a port of this machine."""
    for one in with_children(process):
        try:
            connections = one.net_connections("tcp")
        except psutil.Error:
            continue
        if any(socket.status == psutil.CONN_LISTEN and socket.laddr.port == port for socket in connections):
            return True
    return False


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
