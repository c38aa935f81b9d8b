"""Base of both embedded servers: process, log, stop, and leftovers of an earlier supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from webapp.supervisor.parent_death import parent_death_command


class CouldNotStart(RuntimeError):  # noqa: N818 (reads as what happened)
    """Error: an embedded server did not start; the message holds the end of its log."""


class EmbeddedServer(ABC):
    """Server process in the foreground, tied to this process, its output in ``log``."""

    name = "server"
    death_signal = signal.SIGTERM
    # Stop signals, mildest first, and the seconds that each gets.
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Return True while the process lives."""
        return self.process is not None and self.process.poll() is None

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it answers. Raises CouldNotStart."""

    def stop(self) -> None:
        """Stop the server by each signal of ``stop_signals`` in turn, and wait for its end."""
        self._end(self.stop_signals)

    def kill(self) -> None:
        """Stop the server without the first signal; its data survive for the next start."""
        self._end(self.stop_signals[1:])

    def _end(self, signals: Sequence[tuple[signal.Signals, float]]) -> None:
        for number, seconds in signals:
            if self.process is None or not self.running:
                return
            self.process.send_signal(number)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue

    def _launch(self, command: Sequence[str], folder: Path, user: str = "") -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 (our own command line)
                parent_death_command(command, self.death_signal, user),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                # Own session: a Ctrl-C in the terminal must not stop the server before its clients.
                start_new_session=True,
            )

    def _wait_until_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until the server answers. Raises CouldNotStart when it ends or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise CouldNotStart(
                    f"{self.name} ended during its start. The end of its log {self.log}:\n{self._log_tail()}"
                )
            if time.monotonic() > deadline:
                self.kill()
                raise CouldNotStart(f"{self.name} did not answer within {seconds:.0f} s. See {self.log}.")
            time.sleep(0.05)

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def end_leftover_process(
    pid: int | None, executable: str, argument: str, signals: Sequence[tuple[signal.Signals, float]]
) -> None:
    """End a server that outlived its supervisor.

    Ends process ``pid`` if it is ``executable`` with ``argument`` in its command line. The process was told to stop
    when its parent died, so it first gets 10 seconds to finish by itself.
    """
    process = _process(pid)
    if process is None or process.name() != executable or not any(argument in part for part in process.cmdline()):
        return
    for number, seconds in ((None, 10.0), *signals):
        if number is not None:
            os.kill(process.pid, number)
        if not psutil.wait_procs([process], timeout=seconds)[1]:
            return


def _process(pid: int | None) -> psutil.Process | None:
    try:
        return psutil.Process(pid) if pid else None
    except psutil.NoSuchProcess:
        return None


def read_pid(path: Path) -> int | None:
    """Return the process id on the first line of ``path``; None if there is none."""
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
