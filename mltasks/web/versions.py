"""Pages of models and versions: list, report, model card, promotion, approval and rollback."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from mltasks.models import BackboneRun, ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.refusals import Refusal
from mltasks.registry import gate, registry
from mltasks.reports import model_card, verification_report, version_lineage
from mltasks.reports.figure_comparison import compare_figures, cost_difference
from mltasks.reports.version_report import VersionReport
from mltasks.web.access import current_user, may_view_models, require_permission
from mltasks.web.forms import PromotionForm, ReasonForm, submit
from mltasks.web.selection import chosen_model, get_version_or_404, remember_choice

MAX_SHOWN_RUNS = 20


@require_GET
@may_view_models
def card(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Show the model card as an article, for reading and printing."""
    version = get_version_or_404(model, number)
    remember_choice(request, version.model)
    context = {"card": model_card.build_model_card(version), "report": VersionReport(version)}
    return render(request, "models/card.html", context | {"figures": model_card.CARD_PLOTS})


@require_GET
@may_view_models
def version_list(request: HttpRequest) -> HttpResponse:
    """Show the versions and runs of the chosen model."""
    model = chosen_model(request)
    if model is None:
        return render(request, "no_product.html", {"title": _("Models")})
    context = {**_list_context(model), "rollback_target": registry.rollback_target(model)}
    return render(request, "models/list.html", context)


@require_GET
@may_view_models
def version_list_live(request: HttpRequest, model: str) -> HttpResponse:
    """Return the rows of versions and runs, which the list reloads every few seconds."""
    return render(request, "models/_rows.html", _list_context(get_object_or_404(RegisteredModel, name=model)))


@require_GET
@may_view_models
def version(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Show the report of one version."""
    version = get_version_or_404(model, number)
    remember_choice(request, version.model)
    context = {
        "version": version,
        "version_report": VersionReport(version),
        "promotions": version.promotions.select_related("by", "previous"),
        "champion": registry.champion(version.model),
        "former": registry.former_champions(version.model_id),
        "lineage": version_lineage.build_version_lineage(version),
        "verification_report": verification_report.load_report(version),
    }
    return render(request, "models/version.html", context)


@require_http_methods(["GET", "POST"])
@require_permission(registry.PROMOTE_PERMISSION)
def promote(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Show what a promotion changes and costs; promote the version on POST."""
    version = get_version_or_404(model, number)
    remember_choice(request, version.model)
    champion = registry.champion(version.model)
    form = PromotionForm.of_request(request, champion)
    if request.method == "POST" and submit(form, lambda: _promote(version, form, current_user(request))):
        messages.success(request, _("Version {number} is champion: it scores the next part.").format(number=number))
        return redirect("version", model, number)
    lines = gate.evaluate(version, champion, current_user(request))
    report, champion_report = VersionReport(version), VersionReport(champion) if champion else None
    reports = [champion_report, report] if champion_report else [report]
    context = {
        "version": version,
        "champion": champion,
        "version_report": report,
        "champion_report": champion_report,
        "rows": sorted(compare_figures(reports), key=lambda row: not row.worse),
        "cost_change": cost_difference(report, champion_report),
        "form": form,
        "lines": gate.worst_first(lines),
        "gate": gate.state(lines),
        "verification_report": verification_report.load_report(version),
        "approvals": version.approvals.filter(champion=champion).select_related("by"),
    }
    return render(request, "models/promote.html", context, status=200 if request.method == "GET" else 409)


@require_POST
@require_permission(registry.PROMOTE_PERMISSION)
def approve(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Record a second person's approval of the version over the present champion."""
    version, form = get_version_or_404(model, number), ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("An approval needs a reason. Say why you approve this version."))
        return redirect("version-promotion", model, number)
    try:
        data = form.cleaned_data
        registry.approve(version, by=current_user(request), reason=data["reason"], over=data["champion"])
    except Refusal as error:
        messages.error(request, str(error))
    return redirect("version-promotion", model, number)


@require_http_methods(["GET", "POST"])
@require_permission(registry.PROMOTE_PERMISSION)
def roll_back(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Show what a rollback to a former champion changes, and roll back with a reason."""
    version = get_version_or_404(model, number)
    remember_choice(request, version.model)
    if not version.promotions.exists():
        messages.error(request, str(registry.NeverChampion(version)))
        return redirect("version", model, number)
    form = ReasonForm.of_request(request, registry.champion(version.model))
    if request.method == "POST" and submit(form, lambda: _roll_back(version, form, current_user(request))):
        messages.success(request, _("Rolled back: version {number} scores the next part.").format(number=number))
        return redirect("version", model, number)
    # 400 for invalid input, 409 for a refusal of the registry
    status = 409 if form.non_field_errors() else 400 if form.errors else 200
    context = {"form": form, "version": version, "champion": registry.champion(version.model), **_history(version)}
    return render(request, "models/roll_back.html", context, status=status)


def _promote(version: ModelVersion, form: PromotionForm, by: User) -> None:
    data = form.cleaned_data
    registry.promote(version, by=by, reason=data["reason"], over=data["champion"], override=data["override"])


def _roll_back(version: ModelVersion, form: ReasonForm, by: User) -> None:
    registry.roll_back(version, by=by, reason=form.cleaned_data["reason"], over=form.cleaned_data["champion"])


def _history(version: ModelVersion) -> dict[str, Promotion | None]:
    """Return the version's last promotion, and the later rollback from it, if there is one."""
    last = version.promotions.select_related("by").first()
    withdrawals = Promotion.objects.filter(previous=version, kind=Promotion.Kind.ROLLBACK).select_related("by")
    withdrawal = withdrawals.filter(created_at__gt=last.created_at).first() if last else None
    return {"promotion": last, "withdrawal": withdrawal}


def _list_context(model: RegisteredModel) -> dict[str, Any]:
    versions = ModelVersion.objects.filter(model=model).with_metrics()
    runs = TrainingRun.objects.filter(model=model).select_related("version", "snapshot", "requested_by")
    return {
        "model": model,
        "versions": [VersionReport(version) for version in versions.prefetch_related("promotions__by")],
        "runs": runs[:MAX_SHOWN_RUNS],
        "backbones": BackboneRun.objects.filter(model=model)
        .select_related("requested_by")
        .without_large_fields()[:MAX_SHOWN_RUNS],
    }
