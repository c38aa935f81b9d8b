"""Pages of pretraining runs and their retry."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from mltasks.models import BackboneRun
from mltasks.training import pretraining
from mltasks.web.live_pages import live_pages, retry_view


def _get_run(pk: int) -> BackboneRun:
    # The page reloads every two seconds: do not read a list of thousands of images each time.
    rows = BackboneRun.objects.select_related("model", "snapshot", "requested_by").defer("pictures", "epochs")
    return get_object_or_404(rows, pk=pk)


def _context(run: BackboneRun) -> dict[str, Any]:
    """Return the page's values; ``measured`` are name and estimate of each backbone, best first."""
    estimates = run.evaluation.get("candidates", {})
    measured = sorted(estimates.items(), key=lambda item: -(item[1]["value"] or 0.0))
    return {"run": run, "measured": measured, "images": run.config.get("images", 0)}


pretraining_run, pretraining_run_live = live_pages(
    _get_run, _context, page="models/backbone.html", part="models/_backbone.html"
)
pretraining_run_retry = retry_view(
    _get_run,
    pretraining.retry,
    page=lambda run: ("backbone", run.pk),
    done=_("The run is queued again. It continues from its last checkpoint."),
)
