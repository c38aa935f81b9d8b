"""Admin pages of training and pretraining runs; live pages and retries are pages of the application."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge, page_link
from mltasks.models import BackboneRun, TrainingRun
from mltasks.web import runs

_KINDS = {"queued": "quiet", "running": "busy", "succeeded": "good", "failed": "bad"}


class RunAdmin(ReadOnlyAdmin):
    """List of runs of one kind; ``deferred`` are the columns that lists do not read."""

    deferred: tuple[str, ...] = ("log", "epochs")

    @admin.display(ordering="pk")
    def run(self, run: Any) -> str:
        """Return the name of the run."""
        return str(run)

    @admin.display(description=_("state"), ordering="state")
    def status(self, run: Any) -> SafeString:
        """Return the state as a badge."""
        return badge(run.get_state_display(), _KINDS[run.state])

    @admin.display(description=_("progress"), ordering="progress")
    def progress_bar(self, run: Any) -> SafeString:
        """Return the progress as a bar."""
        percent = int(100 * run.progress)
        return format_html('<progress class="sl-progress" max="1" value="{}">{} %</progress>', run.progress, percent)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the runs without long columns."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer(*self.deferred)


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
