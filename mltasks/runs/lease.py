"""Leases: who may write to a run.

A lease is a token and an end time on the run's row, both by the database's clock.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from django.db import InterfaceError, OperationalError, connection
from django.db.models import F, Value
from django.db.models.functions import Concat, Now
from django.utils.translation import gettext_noop

from mltasks.models import Run, RunQuerySet, RunState, TrainingRun
from mltasks.models.runs import runs_of

logger = logging.getLogger(__name__)

LEASE_DURATION = timedelta(seconds=60)
# Stage of a run whose process has not reported yet.
STARTING_STAGE = gettext_noop("Starting")
WAITING_STAGE = gettext_noop("Waiting for a worker")


class RunNotAvailable(RuntimeError):  # noqa: N818 - a state of the thing
    """Error for a run that is not waiting: another worker has it, or it is finished."""


class LeaseLost(RuntimeError):  # noqa: N818 - a state of the thing
    """Error for a run that was taken away: its lease expired, or another process finished it."""


@dataclass(frozen=True, slots=True)
class RunLease:
    """One worker's right to write to one run, until the lease expires or is taken."""

    run_id: int
    token: uuid.UUID
    run_class: type[Run] = TrainingRun

    @classmethod
    def take(cls, run_id: int, run_class: type[Run] = TrainingRun) -> Self:
        """Take a queued run: set it to RUNNING and count the attempt. Raises RunNotAvailable."""
        lease = cls(run_id, uuid.uuid4(), run_class)
        taken = (
            runs_of(run_class)
            .queued()
            .filter(pk=run_id)
            .update(
                state=RunState.RUNNING,
                attempt=F("attempt") + 1,
                lease_token=lease.token,
                lease_expires_at=Now() + LEASE_DURATION,
                started_at=Now(),
                finished_at=None,
                progress=0.0,
                stage=STARTING_STAGE,
                epochs=[],
                error="",
            )
        )
        if not taken:
            raise RunNotAvailable(f"Run {run_id} is not queued: another worker has it, or it is finished.")
        return lease

    def write(self, *, log: str = "", **fields: Any) -> None:
        """Write fields, append to the log and renew the lease, in one fenced update.

        Raises LeaseLost.
        """
        if log:
            fields["log"] = Concat(F("log"), Value(log))
        if not self.held_run().update(lease_expires_at=Now() + LEASE_DURATION, **fields):
            raise LeaseLost(f"This worker lost run {self.run_id}: the lease expired, or another process finished it.")

    def held_run(self) -> RunQuerySet[Run]:
        """Return the run while this lease holds it; an empty query set afterwards."""
        return runs_of(self.run_class).with_lease_token(self.token).filter(pk=self.run_id)

    def finish(self, state: RunState, *, log: str, **fields: Any) -> None:
        """Write the run's end, with its final state. Raises LeaseLost."""
        self.write(state=state, finished_at=Now(), log=log, **fields)


@contextmanager
def heartbeat(holder: str, renew: Callable[[], bool], interval: float, is_alive: Callable[[], bool]) -> Iterator[None]:
    """Renew a lease from a thread while the block runs.

    The thread calls ``renew`` every ``interval`` seconds. It ends when ``renew`` returns False (the lease is lost) or
    ``is_alive`` returns False (the work hangs). ``holder`` names the work in the log.
    """
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(interval) and is_alive() and _try_renew(holder, renew):
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=beat, daemon=True, name="heartbeat")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _try_renew(holder: str, renew: Callable[[], bool]) -> bool:
    try:
        return renew()
    except (OperationalError, InterfaceError) as error:
        # The database may be back before the lease expires.
        logger.warning("The lease of %s could not be renewed; the next heartbeat tries again: %s", holder, error)
        connection.close()
        return True


def release_after_failure(run: Run, token: uuid.UUID, reason: str) -> bool:
    """Record that the attempt with ``token`` ended without finishing: requeue or fail the run.

    The run fails after its last attempt. ``run`` is the row as it was read. Returns False and writes nothing if the run
    has changed since.
    """
    if run.is_last_attempt:
        next_step = "Retry the run."
        if run.max_attempts > 1:
            next_step = f"It was the last of {run.max_attempts} attempts. Read the log, then retry the run."
        fields: dict[str, Any] = {"state": run.State.FAILED, "finished_at": Now(), "stage": gettext_noop("Failed")}
    else:
        next_step = "It will be tried again."
        fields = {"state": run.State.QUEUED, "enqueued_at": None, "stage": gettext_noop("Waiting for another attempt")}
    error = f"{reason}, attempt {run.attempt} of {run.max_attempts}. {next_step}"
    held = runs_of(type(run)).with_lease_token(token).filter(pk=run.pk, attempt=run.attempt)
    log = Concat(F("log"), Value(log_line(error)))
    return bool(held.update(error=error, lease_token=None, lease_expires_at=None, log=log, **fields))


def log_line(text: str) -> str:
    """Return one line of a run's log, with the local time."""
    return f"{time.strftime('%H:%M:%S')} {text}\n"
