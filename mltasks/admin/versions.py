"""Model versions in the admin: the list with its figures, the report in the page, and promotion with a confirmation."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mltasks.admin import report_figures
from mltasks.admin.read_only import ReadOnlyAdmin, badge
from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry import gate, registry
from mltasks.reports.version_report import Reading
from mltasks.web.access import whole_number
from mltasks.web.forms import PromotionForm
from mltasks.web.rollback import bound_form, facts, rolled_back, status_of

_KINDS = {"candidate": "quiet", "champion": "good", "retired": "past"}


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Versions as a list, and each with its report."""

    list_display = ("version", "status", "average_precision", "recall", "labels", "created_at", "promoted")
    list_filter = ("state", "model")
    change_form_outer_before_template = "admin/mltasks/version.html"
    fields = ("model", "number", "run", "bundle", "sha256", "created_at")

    @admin.display(ordering="pk")
    def version(self, version: ModelVersion) -> str:
        """Its name."""
        return str(version)

    @admin.display(description=_("state"), ordering="state")
    def status(self, version: ModelVersion) -> SafeString:
        """Its state in word, shape and colour."""
        return badge(version.get_state_display(), _KINDS[version.state])

    @admin.display(description=_("average precision"))
    def average_precision(self, version: ModelVersion) -> SafeString:
        """Average precision with its interval."""
        return _cell(version, "average_precision")

    @admin.display(description=_("recall"))
    def recall(self, version: ModelVersion) -> SafeString:
        """Recall with its interval."""
        return _cell(version, "recall")

    @admin.display(description=_("labels"))
    def labels(self, version: ModelVersion) -> str:
        """Labeled images behind it."""
        return Reading(version).labels_in_words or gettext("none")

    @admin.display(description=_("last promoted"))
    def promoted(self, version: ModelVersion) -> str:
        """Who made it champion last, and why."""
        last = max(version.promotions.all(), key=lambda one: one.created_at, default=None)
        return f"{last.by or gettext('a command')}: {last.reason[:60]}" if last else gettext("never")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        """With figures and promotions, without the reports' curves."""
        return ModelVersion.objects.with_metrics().prefetch_related("promotions__by")

    def get_urls(self) -> list[URLPattern]:
        """With the pages that promote and roll back."""
        promote, roll_back = (self.admin_site.admin_view(view) for view in (self.promote, self.roll_back))
        return [
            path("<int:pk>/promote/", promote, name="mltasks_modelversion_promote"),
            path("<int:pk>/roll-back/", roll_back, name="mltasks_modelversion_roll_back"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The version's page: its report first."""
        found = self.get_queryset(request).filter(pk=whole_number(object_id)).first()
        more = _report_context(request, found) if found else {}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})
        return answer

    def promote(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The confirmation: candidate beside champion, and the reason. The same rules as everywhere else."""
        if not isinstance(request.user, User) or not request.user.has_perm(registry.PERMISSION):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion.objects.with_metrics(), pk=pk)
        champion = registry.champion(version.model)
        form = PromotionForm(request.POST or None, initial={"champion": champion.number if champion else 0})
        if request.method == "POST" and form.is_valid() and self._promoted(request, request.user, version, form):
            return redirect("admin:mltasks_modelversion_change", version.pk)
        lines = gate.lines(version, champion, request.user)
        context = {
            **self.admin_site.each_context(request),
            **_beside(version, champion),
            "form": form,
            "lines": gate.worst_first(lines),
            "gate": gate.state(lines),
            "opts": self.opts,
            "media": self.media,
            "title": gettext("Promote {version}").format(version=version),
        }
        return render(request, "admin/mltasks/promote.html", context)

    def roll_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The confirmation of a rollback, and its reason: the same rules as everywhere else."""
        if not isinstance(request.user, User) or not request.user.has_perm(registry.PERMISSION):
            raise PermissionDenied
        version = get_object_or_404(ModelVersion.objects.with_metrics(), pk=pk)
        form = bound_form(request, version)
        if request.method == "POST" and rolled_back(version, form, request.user):
            said = gettext("Rolled back: {version} scores the next part.").format(version=version)
            self.message_user(request, said, messages.SUCCESS)
            return redirect("admin:mltasks_modelversion_change", version.pk)
        title = gettext("Roll back to {version}").format(version=version)
        own = {"form": form, "opts": self.opts, "media": self.media, "title": title}
        context = {**self.admin_site.each_context(request), **facts(version), **own}
        return render(request, "admin/mltasks/roll_back.html", context, status=status_of(form))

    def _promoted(self, request: HttpRequest, by: User, version: ModelVersion, form: PromotionForm) -> bool:
        try:
            asked = form.cleaned_data
            registry.promote(version, by=by, reason=asked["reason"], over=asked["champion"], override=asked["override"])
        except (Refusal, PermissionDenied, registry.BundleCorrupt) as error:
            form.add_error(None, str(error))
            return False
        said = gettext("{version} is champion now: the next part is scored by it.")
        self.message_user(request, said.format(version=version), messages.SUCCESS)
        return True


def _cell(version: ModelVersion, name: str) -> SafeString:
    figure = report_figures.shown((getattr(version, "metrics", None) or {}).get(name))
    if not figure.interval:
        return format_html("<span>{}</span>", figure.value)
    words = "<b>{}</b>{}<small>{}, <span class='sl-whole'>n = {}</span></small>"
    return format_html(words, figure.value, figure.bar, figure.interval, figure.n)


def _report_context(request: HttpRequest, version: ModelVersion) -> dict[str, Any]:
    read = Reading(version)
    return {
        "version": version,
        "badge": badge(version.get_state_display(), _KINDS[version.state]),
        "read": read,
        "figures": report_figures.figures(read),
        "may_promote": version.state != version.State.CHAMPION and request.user.has_perm(registry.PERMISSION),
        "rollback": _rollback(request, version),
    }


def _rollback(request: HttpRequest, version: ModelVersion) -> ModelVersion | None:
    """Return the version that a rollback from this page brings back: the one before a champion, or a former champion
    itself."""
    former = registry.former_champions(version.model_id) if request.user.has_perm(registry.PERMISSION) else []
    if version.state == version.State.CHAMPION:
        return next(iter(former), None)
    return version if version in former else None


def _beside(version: ModelVersion, champion: ModelVersion | None) -> dict[str, Any]:
    """What the confirmation shows."""
    return {
        "version": version,
        "champion": champion,
        "rows": report_figures.side_by_side(version, champion),
        "read": Reading(version),
        "champion_read": Reading(champion) if champion else None,
    }
