"""Pages of training runs and their retry."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from mltasks.models import TrainingRun
from mltasks.reports.version_report import lessons
from mltasks.runs.lease import RunNotAvailable
from mltasks.training import training
from mltasks.web.access import needs
from mltasks.web.selection import remember
from mltasks.web.versions import (
    may_look,
)


@require_GET
@may_look
def run(request: HttpRequest, pk: int) -> HttpResponse:
    """One run, live."""
    found = _run(pk)
    remember(request, found.model)
    return render(request, "models/run.html", _lessons(found))


@require_GET
@may_look
def run_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The run's state alone: what its page asks for while it is unfinished."""
    return render(request, "models/_run.html", _lessons(_run(pk)))


@require_POST
@needs("mltasks.add_trainingrun")
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a failed run again."""
    try:
        training.retry(_run(pk))
        messages.success(request, _("Queued again; a worker takes it in a moment."))
    except RunNotAvailable as error:
        messages.error(request, str(error))
    return redirect("run", pk)


def _lessons(found: TrainingRun) -> dict[str, Any]:
    return {"run": found, "lessons": lessons(found.epochs)}


def _run(pk: int) -> TrainingRun:
    return get_object_or_404(TrainingRun.objects.select_related("model", "snapshot", "version", "requested_by"), pk=pk)
