"""Descendants of this process: adopted when orphaned, reaped, and ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Set
from contextlib import suppress

import psutil

from webapp.supervisor.parent_death import PR_SET_CHILD_SUBREAPER, prctl


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent dies, so that none is lost. Linux only."""
    if sys.platform == "linux":
        prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap_adopted(own: Set[int]) -> None:
    """Reap ended adopted processes, which would stay as zombies, except ``own``."""
    if sys.platform != "linux":
        return
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, options)) is not None and ended.si_pid not in own:
            os.waitpid(ended.si_pid, 0)


def end_all(*, keep: Set[int], patience: float, kill_now: Callable[[], bool]) -> list[str]:
    """End every descendant except ``keep`` and its descendants: SIGTERM, then SIGKILL.

    SIGTERM goes to the session leaders, each of which stops its own workers. SIGKILL follows after ``patience``
    seconds, or at once if ``kill_now`` returns True. Returns the names of killed processes.
    """
    deadline = time.monotonic() + patience
    _signal(_leaders(_living_descendants(keep)), signal.SIGTERM)
    while _living_descendants(keep) and time.monotonic() < deadline and not kill_now():
        time.sleep(0.05)
    stragglers = [_name(process) for process in _living_descendants(keep)]
    # Repeated: a killed process may have started another one meanwhile.
    while left := _living_descendants(keep):
        _signal(left, signal.SIGKILL)
        time.sleep(0.02)
    reap_adopted(keep)
    return stragglers


def _living_descendants(keep: Set[int]) -> list[psutil.Process]:
    here = psutil.Process()
    kept = {process.pid for pid in keep for process in _with_descendants(pid)}
    return [process for process in here.children(recursive=True) if process.pid not in kept and _alive(process)]


def _leaders(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return session leaders, and processes whose leader is gone or is not ours."""
    pids = {process.pid for process in processes}
    return [process for process in processes if _session(process) == process.pid or _session(process) not in pids]


def _session(process: psutil.Process) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(process.pid)
    return None


def _with_descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def _alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def _name(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline()[1:])[:60] or process.name()
    return str(process.pid)
