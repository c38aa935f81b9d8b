"""Admin page of model versions, with links to the report, promotion and rollback."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.models import ModelVersion
from mltasks.registry import registry
from mltasks.reports.report_text import percent
from mltasks.reports.version_report import VersionReport

_STATE_BADGES = {"candidate": "quiet", "champion": "good", "retired": "past"}


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """List of versions with figures; each links to its report and to its promotion pages."""

    list_display = ("version", "status", "average_precision", "recall", "labels", "created_at", "last_promotion")
    list_filter = ("state", "model")
    change_form_outer_before_template = "admin/mltasks/version.html"
    fields = ("model", "number", "run", "bundle", "sha256", "created_at")

    @admin.display(ordering="pk")
    def version(self, version: ModelVersion) -> str:
        """Return the version's name."""
        return str(version)

    @admin.display(description=_("state"), ordering="state")
    def status(self, version: ModelVersion) -> SafeString:
        """Return the state as text, shape and color."""
        return badge(version.get_state_display(), _STATE_BADGES[version.state])

    @admin.display(description=_("average precision"))
    def average_precision(self, version: ModelVersion) -> SafeString:
        """Return the average precision with its interval."""
        return _metric_cell(version, "average_precision")

    @admin.display(description=_("recall"))
    def recall(self, version: ModelVersion) -> SafeString:
        """Return the recall with its interval."""
        return _metric_cell(version, "recall")

    @admin.display(description=_("labels"))
    def labels(self, version: ModelVersion) -> str:
        """Return the numbers of labeled images that the version was trained on."""
        return VersionReport(version).label_counts_text or gettext("none")

    @admin.display(description=_("last promoted"))
    def last_promotion(self, version: ModelVersion) -> str:
        """Return the user and reason of the last promotion."""
        last = max(version.promotions.all(), key=lambda promotion: promotion.created_at, default=None)
        return f"{last.by or gettext('a command')}: {last.reason[:60]}" if last else gettext("never")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        """Return the versions with figures and promotions, without the reports' curves."""
        return ModelVersion.objects.with_metrics().prefetch_related("promotions__by")

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses that lead to the confirmation pages of promotion and rollback."""
        view = self.admin_site.admin_view(self.confirmation)
        return [
            path("<int:pk>/promote/", view, {"page": "version-promotion"}, name="mltasks_modelversion_promote"),
            path("<int:pk>/roll-back/", view, {"page": "version-roll-back"}, name="mltasks_modelversion_roll_back"),
            *super().get_urls(),
        ]

    def confirmation(self, request: HttpRequest, pk: int, page: str) -> HttpResponse:
        """Redirect to the page that asks for a reason and confirms. Raises PermissionDenied."""
        if not request.user.has_perm(registry.PROMOTE_PERMISSION):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion.objects.select_related("model"), pk=pk)
        return redirect(page, version.model.name, version.number)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """Render the page with the versions that a rollback can bring back."""
        version: ModelVersion | None = options.get("obj")
        context["former"] = registry.former_champions(version.model_id) if version else []
        answer: HttpResponse = super().render_change_form(request, context, *args, **options)
        return answer


def _metric_cell(version: ModelVersion, name: str) -> SafeString:
    """Return a figure of the report with its 95 % interval and its count."""
    estimate = (getattr(version, "metrics", None) or {}).get(name)
    if estimate is None or estimate.get("value") is None:
        return format_html(
            "<span>{}</span>", gettext("not reported") if estimate is None else gettext("not measurable")
        )
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    if low is None or high is None:
        return format_html("{}", percent(value))
    interval = gettext("{low} to {high}").format(low=percent(low), high=percent(high))
    template = "<b>{}</b> <small>{}, <span class='sl-whole'>n = {}</span></small>"
    return format_html(template, percent(value), interval, int(estimate.get("n") or 0))
