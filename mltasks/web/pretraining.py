"""The doors to backbone lessons: one lesson live, and another try."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from mltasks.models import BackboneRun
from mltasks.runs.lease import RunNotAvailable
from mltasks.training import pretraining
from mltasks.web.access import needs
from mltasks.web.selection import remember

may_look = needs("mltasks.view_modelversion")


@require_GET
@may_look
def backbone(request: HttpRequest, pk: int) -> HttpResponse:
    """One lesson, live."""
    found = _run(pk)
    remember(request, found.model)
    return render(request, "models/backbone.html", _shown(found))


@require_GET
@may_look
def backbone_live(request: HttpRequest, pk: int) -> HttpResponse:
    """The lesson's state alone: what its page asks for while it is unfinished."""
    return render(request, "models/_backbone.html", _shown(_run(pk)))


@require_POST
@needs("mltasks.add_trainingrun")
def backbone_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a failed lesson again."""
    try:
        pretraining.retry(_run(pk))
        messages.success(request, _("Queued again; it goes on from its last checkpoint."))
    except RunNotAvailable as error:
        messages.error(request, str(error))
    return redirect("backbone", pk)


def _shown(run: BackboneRun) -> dict[str, Any]:
    """``reached`` are the backbones that were measured, the best first: name, estimate, and whether it is in use."""
    candidates = run.evaluation.get("candidates", {})
    reached = sorted(candidates.items(), key=lambda one: -(one[1]["value"] or 0.0))
    return {"run": run, "reached": reached, "images": run.config.get("images", 0)}


def _run(pk: int) -> BackboneRun:
    # A list of thousands of images is nothing to read every two seconds.
    rows = BackboneRun.objects.select_related("model", "snapshot", "requested_by").defer("pictures", "epochs")
    return get_object_or_404(rows, pk=pk)
