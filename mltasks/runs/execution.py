"""Execution of one run in this process, under its lease."""

from __future__ import annotations

import logging
import os
import traceback
from typing import Any, Protocol, TypeVar

from django.db import transaction
from django.utils.translation import gettext_noop

from mltasks.models import Run, RunState
from mltasks.runs.lease import LeaseLost, RunLease
from mltasks.runs.run_reporter import DONE_STAGE, RunReporter, keep_lease_alive
from mltasks.snapshots.snapshots import SnapshotDamaged
from mltasks.storage.store_errors import StoredFileDamaged, StoreUnreachable
from mltasks.vision.types import Progress, ProgressCallback, no_progress

logger = logging.getLogger(__name__)
RunT = TypeVar("RunT", bound=Run)
Computed = TypeVar("Computed")
Result = TypeVar("Result")


class Finish(Protocol):
    """Record the run's success: last log line, stage and fields. Raises LeaseLost."""

    def __call__(self, text: str, *, stage: str = DONE_STAGE, **fields: Any) -> None: ...


class Executor(Protocol[RunT, Computed, Result]):
    """Code of one kind of run; ``execute`` handles lease, heartbeat, progress and failure."""

    run_class: type[RunT]

    def compute(self, run: RunT, progress: ProgressCallback) -> Computed:
        """Do the long work. No transaction is open; the process may be killed at any time."""
        ...

    def record(self, run: RunT, computed: Computed, finish: Finish) -> Result:
        """Write the result and call ``finish`` once, in the open transaction."""
        ...

    def describe(self, result: Result) -> str:
        """Return the line that the run's process prints at its end."""
        ...

    def discard(self, run: RunT) -> None:
        """Remove files of a failed attempt that no row names. By default nothing."""
        return

    def clean_up(self, run: RunT) -> None:
        """Remove, after the commit, files that only another attempt would need. By default nothing."""
        return


_executors: dict[type[Run], Executor[Any, Any, Any]] = {}


def register(executor: Executor[Any, Any, Any]) -> None:
    """Register the executor of its run class; apps call this when they are ready."""
    _executors[executor.run_class] = executor


def executor_of(run_class: type[Run]) -> Executor[Any, Any, Any]:
    """Return the executor of a run class. Raises KeyError if none is registered."""
    return _executors[run_class]


def execute(
    executor: Executor[RunT, Computed, Result],
    run: RunT,
    progress: ProgressCallback = no_progress,
    *,
    lease: RunLease | None = None,
) -> Result:
    """Execute one run under its lease.

    1. Take the lease if none is given.
    2. Compute while a thread renews the lease.
    3. Record the result, or undo and mark the run failed.

    Raises RunNotAvailable if another worker has the run, and LeaseLost if the lease was lost meanwhile; nothing is
    recorded then. Raises the computation's error after it is recorded in the run's row.
    """
    lease = lease or RunLease.take(run.pk, type(run))
    run.refresh_from_db()
    reporter = RunReporter(lease)

    def report(step: Progress) -> None:
        reporter(step)
        progress(step)

    try:
        with keep_lease_alive(reporter):
            computed = executor.compute(run, report)
        with transaction.atomic():
            result = executor.record(run, computed, reporter.finish)
    except BaseException as error:
        # Also for Ctrl-C: the row must record that the run was stopped.
        executor.discard(run)
        if not isinstance(error, LeaseLost):
            _record_failure(lease, reporter, error)
        raise
    else:
        executor.clean_up(run)
        return result
    finally:
        run.refresh_from_db()


def use_passive_omp_waits() -> None:
    """Let torch's threads sleep while they wait for one another.

    Call this before torch is imported, which reads the setting once. The default, spinning, takes the cores from the
    web process and halves the speed of the training on a machine that does both (measured).
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def describe_error(error: BaseException) -> str:
    """Return an error's own message if it is written for people, else its type and message."""
    if isinstance(error, KeyboardInterrupt):
        return "Stopped by a person."
    if isinstance(error, MemoryError):
        return "The machine has too little memory. Lower batch_size, height or width, then start a new run."
    if isinstance(error, ValueError | SnapshotDamaged | StoreUnreachable | StoredFileDamaged) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _record_failure(lease: RunLease, reporter: RunReporter, error: BaseException) -> None:
    fields = reporter.unwritten_fields()
    fields["log"] += "".join(traceback.format_exception(error))
    try:
        lease.finish(RunState.FAILED, error=describe_error(error), stage=gettext_noop("Failed"), **fields)
    except LeaseLost:
        logger.warning("Run %s failed after it lost its lease; its row is not changed.", lease.run_id)
