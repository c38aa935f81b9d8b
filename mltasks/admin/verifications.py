"""Admin pages of verifications, verification runs and approvals."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.admin.runs import RunAdmin
from mltasks.models import Approval, Verification, VerifyingRun
from mltasks.reports.verification_report import titled_findings


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """List of verifications."""

    list_display = ("version", "result", "learned_again", "by", "created_at")
    list_filter = ("version__model", "holds", "learned_again", "by")
    list_select_related = ("version__model", "by")
    date_hierarchy = "created_at"
    fields = ("version", "result", "learned_again", "finding_list", "by", "created_at")

    @admin.display(description=_("result"), ordering="holds")
    def result(self, row: Verification) -> SafeString:
        """Return the result as text, shape and color."""
        return _result_badge(row.holds)

    @admin.display(description=_("findings"))
    def finding_list(self, row: Verification) -> SafeString:
        """Return the list of findings with their explanations."""
        lines = ((_result_badge(passed), title, explanation) for title, passed, explanation in titled_findings(row))
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} <b>{}.</b> {}</li>", lines))


def _result_badge(passed: bool) -> SafeString:
    return badge(gettext("passed"), "good") if passed else badge(gettext("failed"), "bad")


@admin.register(VerifyingRun)
class VerifyingRunAdmin(RunAdmin):
    """List of verification runs."""

    list_display = ("run", "status", "hashes_only", "progress_bar", "stage", "attempt", "requested_by", "created_at")
    list_filter = ("state", "version__model", "hashes_only")
    list_select_related = ("version__model", "requested_by")
    fields = (
        *("version", "status", "hashes_only", "verification", "error", "log_text", "requested_by"),
        *("created_at", "started_at", "finished_at"),
    )

    @admin.display(description=_("log"))
    def log_text(self, run: VerifyingRun) -> SafeString:
        """Return the log, line by line."""
        return format_html('<pre class="sl-log" tabindex="0">{}</pre>', run.log)


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """List of approvals of versions over champions."""

    list_display = ("version", "champion", "by", "reason", "created_at")
    list_filter = ("version__model", "by")
    list_select_related = ("version__model", "champion__model", "by")
    date_hierarchy = "created_at"
