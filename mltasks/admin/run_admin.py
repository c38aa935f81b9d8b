"""Base of the admin lists of runs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge

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
