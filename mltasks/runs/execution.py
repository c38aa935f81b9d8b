"""Carry out one run in this process: under its lease, with a beating heart, and with its end on its row."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable
from typing import TypeVar

from django.utils.translation import gettext_noop

from mltasks.models import LeasedRun, RunState
from mltasks.runs.lease import LeaseLost, RunLease
from mltasks.runs.run_reporter import RunReporter, beating
from mltasks.snapshots.snapshots import SnapshotDamaged
from mltasks.storage.store_errors import StoreAway, StoredFileDamaged
from mltasks.vision.types import Progress, ProgressCallback

logger = logging.getLogger(__name__)
Learned = TypeVar("Learned")
Made = TypeVar("Made")


def carry_out(
    run: LeasedRun,
    lease: RunLease | None,
    progress: ProgressCallback,
    learn: Callable[[ProgressCallback], Learned],
    record: Callable[[RunReporter, Learned], Made],
    undo: Callable[[], None],
) -> Made:
    """Take the run unless a ``lease`` for it is given, let it ``learn``, and ``record`` what it made.

    ``undo`` removes what no row knows. Raises RunNotAvailable when another worker has the run, LeaseLost when it was
    taken away meanwhile, and whatever the learning raised, after the run's row says so.
    """
    lease = lease or RunLease.take(run.pk, type(run))
    run.refresh_from_db()
    reporter = RunReporter(lease)
    try:
        with beating(reporter):
            learned = learn(_both(reporter, progress))
        return record(reporter, learned)
    except BaseException as error:
        # Also for Ctrl-C: the run must say that it was stopped.
        undo()
        if not isinstance(error, LeaseLost):
            _fail(lease, reporter, error)
        raise
    finally:
        run.refresh_from_db()


def calm_threads() -> None:
    """Let torch's threads sleep while they wait for one another; call it before torch is imported, which reads it once.

    Spinning, as is their default, takes the cores from the web process and halves the training's own speed on a machine
    that does both (measured).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def in_words(error: BaseException) -> str:
    """What a person reads of an error: its message where we wrote it, else its type and message."""
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by a person."
    if isinstance(error, MemoryError):
        return "The machine has not enough memory for this training. Lower batch_size, height or width."
    if isinstance(error, ValueError | SnapshotDamaged | StoreAway | StoredFileDamaged) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _fail(lease: RunLease, reporter: RunReporter, error: BaseException) -> None:
    said = reporter.unwritten()
    said["log"] += "".join(traceback.format_exception(error))
    try:
        lease.finish(RunState.FAILED, error=in_words(error), stage=gettext_noop("Failed"), **said)
    except LeaseLost:
        logger.warning("Run %s failed after it was taken away; its row belongs to somebody else.", lease.run_id)


def _both(one: ProgressCallback, other: ProgressCallback) -> ProgressCallback:
    def report(step: Progress) -> None:
        one(step)
        other(step)

    return report
