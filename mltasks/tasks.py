"""Celery's doors to training. A task never imports torch: it starts a process that does."""

from __future__ import annotations

from celery import shared_task

from mltasks import supervising
from mltasks.models import BackboneRun


@shared_task
def execute_run(run_id: int) -> None:
    """Execute a waiting run in a fresh process, and wait for it."""
    supervising.supervise(run_id)


@shared_task
def execute_backbone_run(run_id: int) -> None:
    """Teach a backbone in a fresh process, and wait for it."""
    supervising.supervise(run_id, BackboneRun)
