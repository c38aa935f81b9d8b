"""Model versions in the admin: the list with its figures, the report in the page, and promotion with a confirmation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mltasks import registry, report_rows
from mltasks.models import ModelVersion
from mltasks.read_only import ReadOnlyAdmin, badge
from mltasks.reports import shown_files

_KINDS = {"candidate": "quiet", "champion": "good", "retired": "past"}


class PromotionForm(forms.Form):
    """Why the version should score."""

    reason = forms.CharField(
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
        help_text="Kept for ever beside the promotion, for those who wonder later.",
    )


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Versions as a list, and each with its report."""

    list_display = ("version", "status", "average_precision", "recall", "labels", "created_at", "promoted")
    list_filter = ("state", "model")
    change_form_outer_before_template = "mltasks/admin/version.html"
    fields = ("model", "number", "run", "bundle", "sha256", "created_at")

    @admin.display(ordering="pk")
    def version(self, version: ModelVersion) -> str:
        """Its name."""
        return str(version)

    @admin.display(description="state", ordering="state")
    def status(self, version: ModelVersion) -> SafeString:
        """Its state in word, shape and colour."""
        return badge(version.get_state_display(), _KINDS[version.state])

    @admin.display(description="average precision")
    def average_precision(self, version: ModelVersion) -> SafeString:
        """Average precision with its interval."""
        return _cell(version, "average_precision")

    @admin.display(description="recall")
    def recall(self, version: ModelVersion) -> SafeString:
        """Recall with its interval."""
        return _cell(version, "recall")

    @admin.display(description="labels")
    def labels(self, version: ModelVersion) -> str:
        """Labeled images behind it."""
        snapshot = version.run.snapshot
        return f"{snapshot.good} good, {snapshot.defective} defective" if snapshot else "none"

    @admin.display(description="last promoted")
    def promoted(self, version: ModelVersion) -> str:
        """Who made it champion last, and why."""
        last = max(version.promotions.all(), key=lambda one: one.created_at, default=None)
        return f"{last.by or 'a command'}: {last.reason[:60]}" if last else "never"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        """With figures and promotions, without the reports' curves."""
        return ModelVersion.objects.with_metrics().prefetch_related("promotions__by")

    def get_urls(self) -> list[URLPattern]:
        """With the page that promotes."""
        view = self.admin_site.admin_view(self.promote)
        return [path("<int:pk>/promote/", view, name="mltasks_modelversion_promote"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The version's page: its report first."""
        found = self.get_queryset(request).filter(pk=object_id).first() if object_id.isdecimal() else None
        more = _report_context(request, found) if found else {}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})
        return answer

    def promote(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The confirmation: candidate beside champion, and the reason. The same rules as everywhere else."""
        if not isinstance(request.user, User) or not request.user.has_perm(registry.PERMISSION):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion.objects.with_metrics(), pk=pk)
        form = PromotionForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._promoted(request, request.user, version, form):
            return redirect("admin:mltasks_modelversion_change", version.pk)
        champion = ModelVersion.objects.with_metrics().filter(model=version.model_id, state="champion").first()
        context = {
            **self.admin_site.each_context(request),
            **_beside(version, champion),
            "form": form,
            "opts": self.opts,
            "media": self.media,
            "title": f"Promote {version}",
        }
        return render(request, "mltasks/admin/promote.html", context)

    def _promoted(self, request: HttpRequest, by: User, version: ModelVersion, form: PromotionForm) -> bool:
        try:
            registry.promote(version, by=by, reason=form.cleaned_data["reason"])
        except (ValueError, registry.BundleCorrupt) as error:
            form.add_error(None, str(error))
            return False
        self.message_user(request, f"{version} is champion now: the next part is scored by it.", messages.SUCCESS)
        return True


def _cell(version: ModelVersion, name: str) -> SafeString:
    row = report_rows.named(getattr(version, "metrics", None), name)
    if row is None or row.at is None:
        return format_html("<span>{}</span>", row.value if row else "no report")
    return format_html("<b>{}</b>{}<small>{}, n = {}</small>", row.value, bar(row), row.interval, row.n)


def bar(row: report_rows.Row) -> SafeString:
    """The figure as a dot on its interval."""
    return format_html(
        '<svg class="sl-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="sl-track" width="100" height="8"/><rect class="sl-span" x="{}" width="{}" height="8"/>'
        '<rect class="sl-dot" x="{}" width="2" height="8"/></svg>',
        row.start,
        row.width,
        min(98.0, max(0.0, (row.at or 0) - 1)),
    )


def _report_context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    report = getattr(version, "report", None)
    evaluation = report.evaluation if report else {}
    files = shown_files(version)
    return {
        "version": version,
        "badge": badge(version.get_state_display(), _KINDS[version.state]),
        "report": report,
        "evaluation": evaluation,
        "verdict": report_rows.verdict(evaluation) if report else "",
        "rows": [
            (row, bar(row) if row.at is not None else "") for row in report_rows.rows(evaluation.get("metrics", {}))
        ],
        "plots": [name for name in files if name.startswith("plots/")],
        "worst": [name for name in files if name.startswith("worst/")],
        "may_promote": version.state != version.State.CHAMPION and request.user.has_perm(registry.PERMISSION),
    }


def _beside(version: ModelVersion, champion: ModelVersion | None) -> dict[str, Any]:
    """What the confirmation shows."""
    metrics, others = getattr(version, "metrics", {}), getattr(champion, "metrics", None)
    pairs = report_rows.side_by_side(metrics, others)
    return {
        "version": version,
        "champion": champion,
        "pairs": [(one, _bar_of(one), other, _bar_of(other)) for one, other in pairs],
    }


def _bar_of(row: report_rows.Row | None) -> str:
    return bar(row) if row is not None and row.at is not None else ""
