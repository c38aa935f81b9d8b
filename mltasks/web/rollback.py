"""Page that brings a former champion back: what changes, and the reason."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from mltasks.models import ModelVersion, Promotion
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.web.access import needs, person
from mltasks.web.forms import RollbackForm
from mltasks.web.selection import remember, version_of


@require_http_methods(["GET", "POST"])
@needs(registry.PERMISSION)
def roll_back(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Show what a rollback to a former champion changes, and roll back with a reason."""
    version = version_of(model, number)
    remember(request, version.model)
    if not version.promotions.exists():
        messages.error(request, str(registry.NeverChampion(version)))
        return redirect("version", model, number)
    form = bound_form(request, version)
    if request.method == "POST" and rolled_back(version, form, person(request)):
        messages.success(request, _("Rolled back: version {number} scores the next part.").format(number=number))
        return redirect("version", model, number)
    return render(request, "models/roll_back.html", {"form": form, **facts(version)}, status=status_of(form))


def bound_form(request: HttpRequest, version: ModelVersion) -> RollbackForm:
    """Return the form with what was posted, or with the present champion."""
    champion = registry.champion(version.model)
    posted = request.POST if request.method == "POST" else None
    return RollbackForm(posted, initial={"champion": champion.number if champion else 0})


def status_of(form: RollbackForm) -> int:
    """Return the status of a page that shows the form: 400 for what was typed, 409 for what the registry refused."""
    return 409 if form.non_field_errors() else 400 if form.errors else 200


def rolled_back(version: ModelVersion, form: RollbackForm, by: User) -> bool:
    """Roll back by a form. Returns False, and the form says why, where it can't be."""
    if not form.is_valid():
        return False
    try:
        registry.roll_back(version, by=by, reason=form.cleaned_data["reason"], over=form.cleaned_data["champion"])
    except (Refusal, registry.BundleCorrupt) as error:
        form.add_error(None, str(error))
        return False
    return True


def facts(version: ModelVersion) -> dict[str, Any]:
    """Return what the page tells of a rollback to a version, read anew.

    ``promotion`` made the version champion last; ``withdrawal`` is the later rollback from it, if there is one.
    """
    last = version.promotions.select_related("by").first()
    withdrawals = Promotion.objects.filter(previous=version, kind=Promotion.Kind.ROLLBACK).select_related("by")
    return {
        "version": version,
        "champion": registry.champion(version.model),
        "promotion": last,
        "withdrawal": withdrawals.filter(created_at__gt=last.created_at).first() if last else None,
    }
