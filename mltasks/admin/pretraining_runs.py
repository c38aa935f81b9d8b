"""Admin page of pretraining runs: state, measurement, and the backbone in use."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import page_link
from mltasks.admin.run_admin import RunAdmin
from mltasks.models import BackboneRun


@admin.register(BackboneRun)
class BackboneRunAdmin(RunAdmin):
    """List of pretraining runs; each links to its live page."""

    deferred = ("pictures", "log", "epochs")
    list_display = (
        "run",
        "status",
        "in_use",
        "progress_bar",
        "stage",
        "attempt",
        "result",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "adopted", "model")
    list_select_related = ("model",)
    fields = (
        *("model", "page", "status", "adopted", "result", "snapshot", "labels_missing", "saw_labeled"),
        *("file", "sha256", "config", "card", "evaluation", "error", "requested_by"),
        *("created_at", "started_at", "finished_at"),
    )

    @admin.display(description=_("in use"), boolean=True, ordering="adopted")
    def in_use(self, run: BackboneRun) -> bool:
        """Return True if the next trainings start from this backbone."""
        return run.adopted

    @admin.display
    def result(self, run: BackboneRun) -> str:
        """Return the measurement in words, else why there is none."""
        return str(run.evaluation.get("words") or run.error or run.labels_missing or "–")

    @admin.display(description=_("live page"))
    def page(self, run: BackboneRun) -> SafeString:
        """Link to the page with progress, log and retry."""
        return page_link(reverse("backbone", args=[run.pk]))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True for people who may see training runs."""
        return request.user.has_perm("mltasks.view_trainingrun")
