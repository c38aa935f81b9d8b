"""Page of a rollback to a former champion."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from mltasks.models import ModelVersion, Promotion
from mltasks.registry import registry
from mltasks.web.access import current_user, require_permission
from mltasks.web.forms import ReasonForm, submit
from mltasks.web.selection import get_version_or_404, remember_choice


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


def _roll_back(version: ModelVersion, form: ReasonForm, by: User) -> None:
    registry.roll_back(version, by=by, reason=form.cleaned_data["reason"], over=form.cleaned_data["champion"])


def _history(version: ModelVersion) -> dict[str, Promotion | None]:
    """Return the version's last promotion, and the later rollback from it, if there is one."""
    last = version.promotions.select_related("by").first()
    withdrawals = Promotion.objects.filter(previous=version, kind=Promotion.Kind.ROLLBACK).select_related("by")
    withdrawal = withdrawals.filter(created_at__gt=last.created_at).first() if last else None
    return {"promotion": last, "withdrawal": withdrawal}
