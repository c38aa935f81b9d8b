"""Celery tasks of runs. A task never imports torch: it starts a process that does."""

from __future__ import annotations

from celery import shared_task

from mltasks.models import BackboneRun, VerifyingRun
from mltasks.runs import supervision


@shared_task(name="mltasks.tasks.execute_run")
def execute_run(run_id: int) -> None:
    """Execute a queued training run in a fresh process and wait for it."""
    supervision.supervise(run_id)


@shared_task(name="mltasks.tasks.execute_backbone_run")
def execute_backbone_run(run_id: int) -> None:
    """Execute a queued pretraining run in a fresh process and wait for it."""
    supervision.supervise(run_id, BackboneRun)


@shared_task(name="mltasks.tasks.execute_verification")
def execute_verification(run_id: int) -> None:
    """Execute a queued verification run in a fresh process and wait for it."""
    supervision.supervise(run_id, VerifyingRun)
