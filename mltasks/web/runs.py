"""Pages of training runs and pretraining runs, and their retry."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from mltasks.models import BackboneRun, TrainingRun
from mltasks.reports.version_report import epochs_by_training
from mltasks.training import pretraining, training
from mltasks.web.live_pages import live_pages, retry_view


def _get_run(pk: int) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.select_related("model", "snapshot", "version", "requested_by"), pk=pk)


def _run_context(run: TrainingRun) -> dict[str, Any]:
    return {"run": run, "trainings": list(epochs_by_training(run.epochs).values())}


def _get_pretraining_run(pk: int) -> BackboneRun:
    # The page reloads every two seconds: do not read a list of thousands of images each time.
    rows = BackboneRun.objects.select_related("model", "snapshot", "requested_by").defer("pictures", "epochs")
    return get_object_or_404(rows, pk=pk)


def _pretraining_context(run: BackboneRun) -> dict[str, Any]:
    """Return the page's values; ``measured`` are name and estimate of each backbone, best first."""
    estimates = run.evaluation.get("candidates", {})
    measured = sorted(estimates.items(), key=lambda item: -(item[1]["value"] or 0.0))
    return {"run": run, "measured": measured, "images": run.config.get("images", 0)}


run, run_live = live_pages(_get_run, _run_context, page="models/run.html", part="models/_run.html")
run_retry = retry_view(
    _get_run,
    training.retry,
    page=lambda run: ("run", run.pk),
    done=_("The run is queued again. A worker starts it in a moment."),
)
pretraining_run, pretraining_run_live = live_pages(
    _get_pretraining_run, _pretraining_context, page="models/backbone.html", part="models/_backbone.html"
)
pretraining_run_retry = retry_view(
    _get_pretraining_run,
    pretraining.retry,
    page=lambda run: ("backbone", run.pk),
    done=_("The run is queued again. It continues from its last checkpoint."),
)
