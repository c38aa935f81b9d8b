"""Dispatch of queued runs to workers.

Lost messages are sent again by the recovery: the row holds the state.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from mltasks.models import Run, RunState, TrainingRun
from mltasks.models.runs import runs_of
from mltasks.runs.lease import WAITING_STAGE, RunNotAvailable

logger = logging.getLogger(__name__)


def enqueue_on_commit(run: Run) -> None:
    """Send the run's id to a worker once the current transaction commits."""
    transaction.on_commit(lambda: enqueue(run.pk, type(run)))


def requeue(run: Run, refusal: str, *, enqueue: bool = True) -> None:
    """Queue a failed run again, with all its attempts; dispatch it once the transaction commits.

    With ``enqueue`` False the caller executes the run at once. Raises RunNotAvailable(refusal) if the run did not fail.
    """
    failed = runs_of(type(run)).filter(pk=run.pk, state=RunState.FAILED)
    values: dict[str, Any] = {"attempt": 0, "finished_at": None, "enqueued_at": None, "stage": WAITING_STAGE}
    if not failed.update(state=RunState.QUEUED, **values):
        raise RunNotAvailable(refusal)
    if enqueue:
        enqueue_on_commit(run)


def enqueue(run_id: int, run_class: type[Run] = TrainingRun) -> bool:
    """Send the run's id to a worker and record the time.

    Returns False if the broker is unreachable; the recovery sends the message later.
    """
    try:
        # By name: the task's module is in a higher layer.
        current_app.send_task(run_class.TASK, args=[run_id], retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The broker cannot be reached; the recovery sends run %s later: %s", run_id, error)
        return False
    runs_of(run_class).filter(pk=run_id).update(enqueued_at=Now())
    return True
