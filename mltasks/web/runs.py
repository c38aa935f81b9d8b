"""Pages of training runs and their retry."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from mltasks.models import TrainingRun
from mltasks.reports.version_report import split_epochs
from mltasks.training import training
from mltasks.web.live_pages import live_pages, retry_view


def _get_run(pk: int) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.select_related("model", "snapshot", "version", "requested_by"), pk=pk)


def _context(run: TrainingRun) -> dict[str, Any]:
    return {"run": run, "trainings": split_epochs(run.epochs)}


run, run_live = live_pages(_get_run, _context, page="models/run.html", part="models/_run.html")
run_retry = retry_view(
    _get_run,
    training.retry,
    page=lambda run: ("run", run.pk),
    done=_("The run is queued again. A worker starts it in a moment."),
)
