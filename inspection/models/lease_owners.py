"""Names of processes that hold leases, so that other processes can check if they still run.

A name consists of the machine's boot id, its namespace of process numbers, the process number and its start time.
Containers have their own namespaces; the start time is in kernel ticks since boot. No clocks are compared, and a reused
number gives another name. Only Linux provides these values; elsewhere names are empty and leases end only by expiry.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

MAX_OWNER_LENGTH = 120
_PROC = Path("/proc")
_ENDED_STATES = {"Z", "X"}  # states of a killed process that its parent has not reaped yet
# Field positions in /proc/PID/stat after the command's name
_STATE_FIELD, _START_FIELD = 0, 19


def current_process() -> str:
    """Return the name of this process, empty if the system does not provide one."""
    return _process_name(os.getpid())


def has_ended(owner: str) -> bool | None:
    """Return True if the owner's process ended, False if it runs, None on another machine."""
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
    """Return when the process started in kernel ticks, empty if there is no such process."""
    try:
        # The command's name is in parentheses and may contain spaces and parentheses.
        fields = (_PROC / str(number) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[_STATE_FIELD] in _ENDED_STATES else fields[_START_FIELD]
