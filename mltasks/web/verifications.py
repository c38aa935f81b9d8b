"""Pages of a version's verification: its live state, and the request for another."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import reswap

from mltasks.reports import verification_report
from mltasks.training import verification_runs
from mltasks.web.access import current_user, may_train, may_view_models
from mltasks.web.forms import VerifyForm
from mltasks.web.selection import get_version_or_404


@require_POST
@may_train
def verify(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Queue a verification of the version; the version's page shows its progress."""
    form = VerifyForm(request.POST)
    form.is_valid()  # a checkbox has no invalid value
    try:
        hashes_only = form.cleaned_data["hashes_only"]
        verification_runs.start(get_version_or_404(model, number), by=current_user(request), hashes_only=hashes_only)
    except (verification_runs.VerificationInProgress, verification_runs.NotRetrainable) as error:
        messages.error(request, str(error))
        return redirect("version", model, number)
    return redirect(f"{reverse('version', args=[model, number])}#verification")


@require_GET
@may_view_models
def verification_live(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Return the verification part of the version's page, reloaded while a worker verifies."""
    version = get_version_or_404(model, number)
    report = verification_report.load_report(version)
    answer = render(request, "models/_verification.html", {"version": version, "verification_report": report})
    # The finished part replaces the element that reloads, so that reloading ends.
    return answer if report.running else reswap(answer, "outerHTML")
