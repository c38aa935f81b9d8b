"""Pages of a challenger: start, follow and end its comparison with the champion."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from inspection.models import Challenge
from inspection.promotion import challenger_report, shadow_scoring
from mltasks.models import ModelVersion
from mltasks.registry.registry import PROMOTE_PERMISSION
from mltasks.web.access import current_user, require_permission
from mltasks.web.live_pages import live_pages
from mltasks.web.selection import get_version_or_404


class ChallengeForm(forms.Form):
    """Form of the share of live parts that the challenger scores, in percent."""

    share = forms.FloatField(label=_("Share of live parts, in %"), min_value=0.1, max_value=100, initial=100)


may_challenge = require_permission(PROMOTE_PERMISSION)


def _challenger_context(version: ModelVersion) -> dict[str, Any]:
    newest = Challenge.objects.filter(version=version).select_related("product", "by", "ended_by").first()
    current = Challenge.objects.running().filter(version__model=version.model).exclude(version=version).first()
    report = challenger_report.load_report(newest) if newest else None
    return {"version": version, "challenge": newest, "report": report, "current": current, "form": ChallengeForm()}


challenger, challenger_live = live_pages(
    get_version_or_404, _challenger_context, page="models/challenger.html", part="models/_challenger.html"
)


@require_POST
@may_challenge
def challenger_start(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Start a challenge: the version scores live parts from now on."""
    version, form = get_version_or_404(model, number), ChallengeForm(request.POST)
    if not form.is_valid():
        return render(request, "models/challenger.html", {**_challenger_context(version), "form": form}, status=400)
    try:
        shadow_scoring.start_challenge(version, by=current_user(request), share=form.cleaned_data["share"] / 100)
    except shadow_scoring.ChallengeRefused as refused:
        messages.error(request, str(refused))
    return redirect("version-challenger", model, number)


@require_POST
@may_challenge
def challenger_end(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """End the version's challenge and keep its scores."""
    running = Challenge.objects.running().filter(version=get_version_or_404(model, number)).first()
    if running is None or not shadow_scoring.end_challenge(running, by=current_user(request)):
        messages.error(request, _("This challenge has already ended."))
    return redirect("version-challenger", model, number)
