"""Child process of the supervisor: started, its output forwarded, restarted when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mltasks.runs.session_priority import lower_session
from webapp.supervisor.console import Console
from webapp.supervisor.parent_death import parent_death_command

_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 1.0, 30.0
# After this run time a process counts as stable: its next restart has the first pause again.
_STABLE_AFTER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """Name, command and added environment of a program.

    ``once``: done after a successful end. ``death_signal`` ends it when the supervisor is killed. ``nice``, 0 to 19:
    lower priority than other processes.
    """

    name: str
    command: Sequence[str]
    once: bool = False
    death_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)
    nice: int = 0


@dataclass
class Child:
    """Program and its process."""

    program: Program
    console: Console
    folder: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    done: bool = False
    started_at: float = 0.0
    _restart_at: float | None = None
    _pause: float = field(default=_FIRST_PAUSE_SECONDS)

    @property
    def running(self) -> bool:
        """Return True while the process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, negative signal number if killed; None while the process lives."""
        return None if self.process is None else self.process.poll()

    def start(self) -> None:
        """Start the process in its own session and forward its output; call from the main thread."""
        self.started_at, self._restart_at = time.monotonic(), None
        self.process = subprocess.Popen(  # noqa: S603 (our own command line)
            parent_death_command(self.program.command, self.program.death_signal, nice=self.program.nice),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={**self.environment, **self.program.environment},
            start_new_session=True,
        )
        if self.program.nice:
            lower_session(self.process.pid, self.program.nice)
        threading.Thread(target=self._forward_output, args=[self.process], daemon=True).start()

    def kill(self) -> None:
        """Kill the process and its process group."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def restart_if_dead(self) -> None:
        """Restart a dead process after a pause that doubles with each death in a row."""
        if self.process is None or self.running or self.done:
            return
        if self._restart_at is None:
            self._handle_exit(self.process)
        elif time.monotonic() >= self._restart_at:
            self.start()

    def _handle_exit(self, process: subprocess.Popen[bytes]) -> None:
        self.kill()  # leftovers in its group must not compete with the next process
        if self.program.once and process.returncode == 0:
            self.done = True
            return
        now = time.monotonic()
        self._pause = _FIRST_PAUSE_SECONDS if now - self.started_at > _STABLE_AFTER_SECONDS else self._pause
        self._restart_at = now + self._pause
        self.console.say(f"{self.program.name} {exit_text(process.returncode)}; restarting in {self._pause:.0f} s")
        self._pause = min(2 * self._pause, _MAX_PAUSE_SECONDS)

    def _forward_output(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 (opened as a pipe above)
        with process.stdout as output:
            for line in output:
                self.console.say(line.decode(errors="replace").rstrip(), self.program.name)


def exit_text(code: int | None) -> str:
    """Return the end of a process as text."""
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
