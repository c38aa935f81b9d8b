"""Celery tasks of labeling. Each is safe to run several times at once."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from labeling.datasets import retraining
from labeling.history import nightly_retention
from labeling.rechecks import label_rechecks
from labeling.review import embedding_backfill
from mltasks.runs import run_recovery

logger = logging.getLogger(__name__)


@shared_task(name="labeling.tasks.nightly")
def nightly() -> None:
    """Start the retraining runs that are due."""
    for run in retraining.start_due_runs(timezone.now()):
        logger.info("Nightly retraining of %s: %s is %s %s", run.night, run, run.get_state_display().lower(), run.error)


@shared_task(name="labeling.tasks.sweep_runs")
def sweep_runs() -> None:
    """Recover training runs after crashes and open rechecks of label issues."""
    if count := run_recovery.recover_runs():
        logger.info("Recovered %d training runs", count)
    if opened := label_rechecks.open_label_rechecks():
        logger.info("Opened rechecks of %d label issues", len(opened))


@shared_task(name="labeling.tasks.make_comparable")
def make_comparable() -> None:
    """Compute the embeddings that labeled and waiting parts still lack."""
    if count := embedding_backfill.backfill_embeddings():
        logger.info("Computed the embeddings of %d parts", count)


@shared_task(name="labeling.tasks.prune")
def prune() -> None:
    """Remove a batch of the parts that are older than RETENTION_DAYS."""
    removed, freed = nightly_retention.prune_nightly(timezone.now())
    if removed or freed.images:
        logger.info("Removed %d old parts, %d images, %.1f MB", removed, freed.images, freed.bytes / 1e6)
