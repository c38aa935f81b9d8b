"""Processes that hold leases, named so that other processes of the same machine can tell whether they still run.

A name has the boot of the machine, its namespace of process numbers (containers have their own), the process's number
and the moment it started, in the kernel's ticks since the boot: no clock is compared, and a number that is used again
names another process. Only Linux tells these; elsewhere a name is empty and leases end by silence alone.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

MAX_OWNER_LENGTH = 120
_PROC = Path("/proc")
_ENDED_STATES = {"Z", "X"}  # states of a process that was killed and whose parent has not noticed yet
# Places in /proc/PID/stat behind the command's name
_STATE_FIELD, _START_FIELD = 0, 19


def current_process() -> str:
    """Return the name of this process, empty where the system tells none."""
    return _process_name(os.getpid())


def has_ended(owner: str) -> bool | None:
    """Return True if the process named ``owner`` ended, False if it runs, and None if this machine can't tell."""
    machine, _, process = owner.rpartition("/")
    if not process or machine != _machine_name():
        return None
    number, _, start = process.partition("@")
    return _start_ticks(int(number)) != start


@cache
def _process_name(number: int) -> str:
    machine, start = _machine_name(), _start_ticks(number)
    return f"{machine}/{number}@{start}" if machine and start else ""


@cache
def _machine_name() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_ticks(number: int) -> str:
    """Return when the process started, empty if there is none."""
    try:
        # The command's name, in parentheses, may hold spaces and parentheses of its own.
        fields = (_PROC / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[_STATE_FIELD] in _ENDED_STATES else fields[_START_FIELD]
