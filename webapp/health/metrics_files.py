"""Counter files of the web processes: one set per process, and one for all ended processes.

`prometheus_client` writes a file for each kind of metric and process and never removes counters. This module adds a
dead process's counts to the files of process 0: sums never decrease and the folder does not grow. Readers hold a
shared lock: they see counts before or after the move, never twice.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client.mmap_dict import MmapedDict

_MERGED_PID = 0


def merge_ended_processes(folder: Path) -> None:
    """Add the counts of ended processes to the files of process 0, and remove their files."""
    with locked(folder, exclusive=True):
        for path in sorted(folder.glob("*.db")):
            kind, _, number = path.stem.rpartition("_")
            if number.isdigit() and int(number) != _MERGED_PID and not psutil.pid_exists(int(number)):
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


@contextmanager
def locked(folder: Path, *, exclusive: bool = False) -> Iterator[None]:
    """Hold the folder's lock: shared while files are read, exclusive while they change."""
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)  # until the file is closed
        yield
