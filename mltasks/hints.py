"""Tell a worker of a waiting run. The row is the truth: a hint that gets lost is sent again by the sweep."""

from __future__ import annotations

import logging

from celery import current_app
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from mltasks.models import TrainingRun

logger = logging.getLogger(__name__)

TASK = "mltasks.tasks.execute_run"


def send(run_id: int) -> bool:
    """Publish the hint and note when. Returns False when the broker is away, which is no error."""
    try:
        # By name: the task's own module stands above this one.
        current_app.send_task(TASK, args=[run_id], retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("The broker is away, run %s waits for the next sweep: %s", run_id, error)
        return False
    TrainingRun.objects.filter(pk=run_id).update(hint_sent_at=Now())
    return True
