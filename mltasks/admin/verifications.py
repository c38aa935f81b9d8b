"""What stands behind promotions, in the admin, to read: verifications, the runs that made them, and approvals."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.models import Approval, Verification, VerifyingRun
from mltasks.reports.verification_report import titled

_KINDS = {"queued": "quiet", "running": "busy", "succeeded": "good", "failed": "bad"}


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """What looks at versions found."""

    list_display = ("version", "result", "learned_again", "by", "created_at")
    list_filter = ("version__model", "holds", "learned_again", "by")
    list_select_related = ("version__model", "by")
    date_hierarchy = "created_at"
    fields = ("version", "result", "learned_again", "found", "by", "created_at")

    @admin.display(description=_("result"), ordering="holds")
    def result(self, row: Verification) -> SafeString:
        """Whether all holds, in word, shape and colour."""
        return badge(gettext("holds"), "good") if row.holds else badge(gettext("does not hold"), "bad")

    @admin.display(description=_("findings"))
    def found(self, row: Verification) -> SafeString:
        """Each thing that was looked at, with what there is to say of it."""
        lines = (
            (badge(gettext("holds"), "good") if holds else badge(gettext("does not hold"), "bad"), title, words)
            for title, holds, words in titled(row)
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} <b>{}.</b> {}</li>", lines))


@admin.register(VerifyingRun)
class VerifyingRunAdmin(ReadOnlyAdmin):
    """Looks that workers were asked for."""

    list_display = ("run", "status", "hashes_only", "done", "stage", "attempt", "requested_by", "created_at")
    list_filter = ("state", "version__model", "hashes_only")
    list_select_related = ("version__model", "requested_by")
    fields = (
        *("version", "status", "hashes_only", "verification", "error", "said", "requested_by"),
        *("created_at", "started_at", "finished_at"),
    )

    @admin.display(ordering="pk")
    def run(self, run: VerifyingRun) -> str:
        """Its name."""
        return str(run)

    @admin.display(description=_("state"), ordering="state")
    def status(self, run: VerifyingRun) -> SafeString:
        """Its state in word, shape and colour."""
        return badge(run.get_state_display(), _KINDS[run.state])

    @admin.display(description=_("progress"), ordering="progress")
    def done(self, run: VerifyingRun) -> str:
        """How far it is."""
        return f"{int(100 * run.progress)} %"

    @admin.display(description=_("log"))
    def said(self, run: VerifyingRun) -> SafeString:
        """Its log, line by line."""
        return format_html('<pre class="sl-log" tabindex="0">{}</pre>', run.log)

    def get_queryset(self, request: HttpRequest) -> QuerySet[VerifyingRun]:
        """Lists do without logs."""
        found: QuerySet[VerifyingRun] = super().get_queryset(request)
        return found.defer("log", "epochs")


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Whose word stands for which version over which champion."""

    list_display = ("version", "champion", "by", "reason", "created_at")
    list_filter = ("version__model", "by")
    list_select_related = ("version__model", "champion__model", "by")
    date_hierarchy = "created_at"
