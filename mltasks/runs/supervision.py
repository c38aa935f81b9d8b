"""Supervision of a run in a fresh process: torch is never forked, and a crash is recorded."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from datetime import timedelta
from typing import IO

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Now

from mltasks.models import Run, TrainingRun
from mltasks.runs import orphaned_files
from mltasks.runs.lease import LEASE_DURATION, STARTING_STAGE, RunLease, RunNotAvailable, release_after_failure
from mltasks.runs.run_reporter import STALL_TIMEOUT
from mltasks.runs.session_priority import lower_session

POLL_SECONDS = 5.0  # seconds
START_TIMEOUT = timedelta(seconds=STALL_TIMEOUT)
_STDERR_TAIL = 4000  # bytes that the run's log keeps of a process that died


def supervise(run_id: int, run_class: type[Run] = TrainingRun) -> bool:
    """Execute a queued run in its own process and wait; return False if it was not queued.

    If the process ends without finishing the run, the row records how. The run is then tried again, or fails after its
    last attempt.
    """
    # The periodic recovery may run on other machines only; files of a killed training lie on this machine.
    orphaned_files.remove_orphaned_files()
    try:
        lease = RunLease.take(run_id, run_class)
    except RunNotAvailable:
        return False
    with tempfile.TemporaryFile() as errors:
        code = _watch(_spawn(lease, errors), lease)
        _record_exit(lease, code, _read_tail(errors))
    return True


def _spawn(lease: RunLease, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", lease.run_class.COMMAND, str(lease.run_id)]
    command += ["--lease", str(lease.token), "--parent", str(os.getpid())]
    # A session of its own: Ctrl-C at the terminal reaches only the supervisor, and the process dies with its worker.
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, stderr=errors, start_new_session=True)  # noqa: S603
    lower_session(process.pid, max(0, os.nice(0)))
    return process


def _watch(process: subprocess.Popen[bytes], lease: RunLease) -> int:
    """Wait for the process to end; return its exit code.

    The process is killed if its run was taken away (for example because it stalled), or if its worker is gone.
    """
    worker = os.getppid()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=POLL_SECONDS)
        if os.getppid() != worker:
            process.kill()
        elif not _keep_lease(lease):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=POLL_SECONDS * 6)  # the process may be ending by itself
            process.kill()


def _keep_lease(lease: RunLease) -> bool:
    """Return True while the run belongs to the lease; renew the lease while the process starts.

    A process of low priority that starts beside a training may need longer than a lease until its own heartbeat begins.
    """
    try:
        starting = lease.held_run().filter(stage=STARTING_STAGE, started_at__gt=Now() - START_TIMEOUT)
        return bool(starting.update(lease_expires_at=Now() + LEASE_DURATION)) or lease.held_run().exists()
    except (OperationalError, InterfaceError):
        connection.close()  # the next check tries again; the training continues meanwhile
        return True


def _record_exit(lease: RunLease, code: int, tail: str) -> None:
    run = lease.held_run().first()
    if run is None:  # it finished or was taken away; the row already has its end
        return
    if tail:
        lease.write(log=f"{tail.rstrip()}\n")
    release_after_failure(run, lease.token, _exit_text(code, run.ACTIVITY))


def _exit_text(code: int, activity: str) -> str:
    """Return a description of the process's end."""
    if code >= 0:
        return f"The {activity} process ended with exit code {code} before it finished"
    name = signal.Signals(-code).name
    why = " (often the kernel, when memory runs out)" if -code == signal.SIGKILL else ""
    return f"The {activity} process was killed by signal {-code}, {name}{why}"


def _read_tail(errors: IO[bytes]) -> str:
    """Return the end of the process's stderr; copy all of it to the worker's stderr."""
    errors.seek(0)
    output = errors.read().decode(errors="replace")
    sys.stderr.write(output)
    return output[-_STDERR_TAIL:]
