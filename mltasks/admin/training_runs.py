"""Training runs in the admin: live progress, epochs, log, error, and another try."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.models import TrainingRun
from mltasks.runs.lease import RunNotAvailable
from mltasks.training import training
from mltasks.web.access import whole_number

PERMISSION = "mltasks.add_trainingrun"
SHOWN_EPOCHS = 100
FIRST = ("stage", "epoch")
_KINDS = {"queued": "quiet", "running": "busy", "succeeded": "good", "failed": "bad"}


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """Runs as a list, and each with what it does right now."""

    list_display = ("run", "status", "done", "stage", "attempt", "trigger", "labels", "created_at", "finished_at")
    list_filter = ("state", "trigger", "model")
    list_select_related = ("model", "snapshot")
    change_form_outer_before_template = "admin/mltasks/run.html"
    fields = (
        "model",
        "snapshot",
        "trigger",
        "night",
        "requested_by",
        "config",
        "created_at",
        "started_at",
        "finished_at",
    )

    @admin.display(ordering="pk")
    def run(self, run: TrainingRun) -> str:
        """Its name."""
        return str(run)

    @admin.display(description=_("state"), ordering="state")
    def status(self, run: TrainingRun) -> SafeString:
        """Its state in word, shape and colour."""
        return badge(run.get_state_display(), _KINDS[run.state])

    @admin.display(description=_("progress"), ordering="progress")
    def done(self, run: TrainingRun) -> SafeString:
        """How far it is."""
        return format_html(
            '<progress class="sl-progress" max="1" value="{}">{} %</progress>', run.progress, _percent(run)
        )

    @admin.display(description=_("labels"))
    def labels(self, run: TrainingRun) -> str:
        """Labeled images it learns from."""
        return str(run.snapshot.total) if run.snapshot else "none"

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        """Lists do without logs."""
        found: QuerySet[TrainingRun] = super().get_queryset(request)
        return found.defer("log", "epochs")

    def get_urls(self) -> list[URLPattern]:
        """With the live part of a run's page, and its other try."""
        site = self.admin_site
        return [
            path("<int:pk>/live/", site.admin_view(self.live), name="mltasks_trainingrun_live"),
            path("<int:pk>/retry/", site.admin_view(self.retry), name="mltasks_trainingrun_retry"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The run's page."""
        run = TrainingRun.objects.filter(pk=whole_number(object_id)).first()
        more = _live_context(request, run) if run else {}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})
        return answer

    def live(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of the page that changes while the run runs; it stops asking once the run is finished."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return render(
            request, "admin/mltasks/run_live.html", _live_context(request, get_object_or_404(TrainingRun, pk=pk))
        )

    def retry(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Queue a failed run again."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not request.user.has_perm(PERMISSION):
            raise PermissionDenied
        run = get_object_or_404(TrainingRun, pk=pk)
        try:
            training.retry(run)
        except RunNotAvailable as error:
            self.message_user(request, str(error), messages.WARNING)
        else:
            self.message_user(request, gettext("{run} waits for a worker.").format(run=run), messages.SUCCESS)
        return redirect("admin:mltasks_trainingrun_change", run.pk)


def _live_context(request: HttpRequest, run: TrainingRun) -> dict[str, Any]:
    # The database keeps an object's names in an order of its own.
    names = sorted({name for epoch in run.epochs for name in epoch}, key=lambda name: (name not in FIRST, name))
    epochs = run.epochs[-SHOWN_EPOCHS:]
    return {
        "run": run,
        "badge": badge(run.get_state_display(), _KINDS[run.state]),
        "percent": _percent(run),
        "epoch_names": [name.replace("_", " ") for name in names],
        "epoch_rows": [[_short(epoch.get(name)) for name in names] for epoch in epochs],
        "left_out": len(run.epochs) - len(epochs),
        "version": getattr(run, "version", None),
        "may_retry": run.state == run.State.FAILED and run.snapshot_id and request.user.has_perm(PERMISSION),
    }


def _percent(run: TrainingRun) -> int:
    return int(100 * run.progress)


def _short(value: float | int | str | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
