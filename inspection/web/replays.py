"""Pages of a replay: start, follow, report and retry."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from inspection.models import Replay
from inspection.replay import replay, replay_queue
from inspection.replay.replay_report import ReplayReport
from mltasks.models import ModelVersion
from mltasks.web.access import current_user, may_train
from mltasks.web.live_pages import live_pages, retry_view
from mltasks.web.selection import get_version_or_404


class ReplayForm(forms.Form):
    """Form of the days and number of parts to replay."""

    days = forms.IntegerField(label=_("Days back"), min_value=1, max_value=replay.MAX_DAYS, initial=replay.DEFAULT_DAYS)
    most = forms.IntegerField(
        label=_("Maximum number of parts"), min_value=1, max_value=replay.MAX_PARTS, initial=replay.DEFAULT_MAX_PARTS
    )


def _replay_context(version: ModelVersion) -> dict[str, Any]:
    rows = Replay.objects.filter(candidate=version).defer("parts")
    newest = rows.select_related("candidate", "champion", "product", "requested_by").order_by("-created_at").first()
    return {
        "version": version,
        "replay": newest,
        "report": ReplayReport(newest) if newest else None,
        "queue_position": replay_queue.queue_position_text(newest) if newest else "",
        "form": ReplayForm(),
    }


replay_page, replay_live = live_pages(
    get_version_or_404, _replay_context, page="models/replay.html", part="models/_replay.html"
)


@require_POST
@may_train
def replay_start(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Queue a replay of the version."""
    version, form = get_version_or_404(model, number), ReplayForm(request.POST)
    if not form.is_valid():
        return render(request, "models/replay.html", {**_replay_context(version), "form": form}, status=400)
    try:
        limits = form.cleaned_data
        replay.start(version, by=current_user(request), days=limits["days"], max_parts=limits["most"])
    except replay.ReplayRefused as refused:
        messages.error(request, str(refused))
    return redirect("version-replay", model, number)


def _of_candidate(pk: int) -> Replay:
    return get_object_or_404(Replay.objects.select_related("candidate__model"), pk=pk)


replay_retry = retry_view(
    _of_candidate,
    replay.retry,
    page=lambda row: ("version-replay", row.candidate.model.name, row.candidate.number),
)
