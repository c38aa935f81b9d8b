"""Made once for all processes of a test run: by the first that needs it, while the others wait for it."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Return what one call of ``make`` returned, here or in another process of this run.

    ``make`` gets an empty folder that all processes share, for the files of what it returns. Nobody may change these.
    If it raises or is killed, the next process that asks makes it anew.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, answer = shared / name, shared / f"{name}.pickle"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed, as a killed process's files are
        if not answer.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            draft = answer.with_suffix(".draft")
            draft.write_bytes(pickle.dumps(make(folder)))
            draft.rename(answer)
        found: T = pickle.loads(answer.read_bytes())  # noqa: S301 (written above)
    return found
