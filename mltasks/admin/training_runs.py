"""Admin page of training runs; the live page and the retry are pages of the application."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import page_link
from mltasks.admin.run_admin import RunAdmin
from mltasks.models import TrainingRun
from mltasks.web import runs


@admin.register(TrainingRun)
class TrainingRunAdmin(RunAdmin):
    """List of training runs; each links to its live page."""

    list_display = (
        "run",
        "status",
        "progress_bar",
        "stage",
        "attempt",
        "trigger",
        "labels",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "trigger", "model")
    list_select_related = ("model", "snapshot")
    fields = (
        *("page", "model", "status", "error", "snapshot", "trigger", "night", "requested_by", "config"),
        *("created_at", "started_at", "finished_at"),
    )

    @admin.display(description=_("labels"))
    def labels(self, run: TrainingRun) -> str:
        """Return the number of labeled images in the run's snapshot."""
        return str(run.snapshot.total) if run.snapshot else gettext("none")

    @admin.display(description=_("live page"))
    def page(self, run: TrainingRun) -> SafeString:
        """Link to the page with progress, epochs, log and retry."""
        return page_link(reverse("run", args=[run.pk]))

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the live page and of the retry."""
        site = self.admin_site
        return [
            path("<int:pk>/live/", site.admin_view(self.live), name="mltasks_trainingrun_live"),
            path("<int:pk>/retry/", site.admin_view(self.retry), name="mltasks_trainingrun_retry"),
            *super().get_urls(),
        ]

    def live(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Redirect to the run's live page. Raises PermissionDenied."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return redirect("run", pk)

    def retry(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Queue a failed run again, as its page does."""
        return runs.run_retry(request, pk=pk)
