"""Backbone lessons in the admin, to read: state, measurement, and which one is in use."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.models import BackboneRun

_KINDS = {"queued": "quiet", "running": "busy", "succeeded": "good", "failed": "bad"}


@admin.register(BackboneRun)
class BackboneRunAdmin(ReadOnlyAdmin):
    """Backbones taught on stored images."""

    list_display = ("run", "status", "in_use", "done", "stage", "attempt", "result", "created_at", "finished_at")
    list_filter = ("state", "adopted", "model")
    list_select_related = ("model",)
    fields = (
        "model",
        "page",
        "status",
        "adopted",
        "result",
        "snapshot",
        "labels_missing",
        "saw_labeled",
        "file",
        "sha256",
        "config",
        "card",
        "evaluation",
        "error",
        "requested_by",
        "created_at",
        "started_at",
        "finished_at",
    )

    @admin.display(ordering="pk")
    def run(self, run: BackboneRun) -> str:
        """Its name."""
        return str(run)

    @admin.display(description=_("state"), ordering="state")
    def status(self, run: BackboneRun) -> SafeString:
        """Its state in word, shape and colour."""
        return badge(run.get_state_display(), _KINDS[run.state])

    @admin.display(description=_("in use"), boolean=True, ordering="adopted")
    def in_use(self, run: BackboneRun) -> bool:
        """Whether the next trainings start from it."""
        return run.adopted

    @admin.display(description=_("progress"), ordering="progress")
    def done(self, run: BackboneRun) -> str:
        """How far it is."""
        return f"{int(100 * run.progress)} %"

    @admin.display
    def result(self, run: BackboneRun) -> str:
        """What came of it, in words."""
        return str(run.evaluation.get("words") or run.error or run.labels_missing or "–")

    @admin.display(description=_("live page"))
    def page(self, run: BackboneRun) -> SafeString:
        """The page with its progress and its log."""
        return format_html('<a class="sl-link" href="{}">Backbone {}</a>', reverse("backbone", args=[run.pk]), run.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BackboneRun]:
        """Without the list of images and the log."""
        found: QuerySet[BackboneRun] = super().get_queryset(request)
        return found.defer("pictures", "log", "epochs")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see trainings may see lessons."""
        return request.user.has_perm("mltasks.view_trainingrun")
