"""Counter files of the web processes: one set per process, and one for all ended processes.

`prometheus_client` writes a file for each kind of metric and process and never removes counters. This module adds a
dead process's counts to the files of process 0: sums never decrease and the folder does not grow. Readers hold a
shared lock: they see counts before or after the move, never twice.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

_MERGED_PID = 0
_LOCK = "lock"


@contextmanager
def read_lock(folder: Path) -> Iterator[None]:
    """Hold a shared lock while the files are read."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


def merge_ended_processes(folder: Path) -> None:
    """Add the counts of ended processes to the files of process 0, and remove their files."""
    with _locked(folder, fcntl.LOCK_EX):
        for path in sorted(folder.glob("*.db")):
            kind, _, number = path.stem.rpartition("_")
            if number.isdigit() and int(number) != _MERGED_PID and not _is_running(int(number)):
                if not kind.startswith("gauge"):  # a gauge's value ended with its process
                    _add_file(path, folder / f"{kind}_{_MERGED_PID}.db")
                path.unlink()


def _add_file(source: Path, target: Path) -> None:
    """Add each value of ``source`` to ``target``."""
    sums = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    try:
        for key, value, _time, _place in MmapedDict.read_all_values_from_file(str(source)):  # type: ignore[no-untyped-call]
            sums.write_value(key, sums.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        sums.close()  # type: ignore[no-untyped-call]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    with (folder / _LOCK).open("a") as lock:
        fcntl.flock(lock, kind)  # until the file is closed
        yield
