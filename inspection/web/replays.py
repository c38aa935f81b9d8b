"""Pages of a replay: start, follow, report and retry.

What people send from the pages of replays and challengers.

The doors to replays and challengers: a version held against the champion on the line's history, and live.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from inspection.models import Replay
from inspection.replay import replay, replay_queue
from inspection.replay.replay_report import ReplayReading
from mltasks.models import ModelVersion
from mltasks.runs.lease import RunNotAvailable
from mltasks.web.access import needs, person
from mltasks.web.selection import remember, version_of


class ReplayForm(forms.Form):
    """How much of the line's history is scored again."""

    days = forms.IntegerField(label=_("Days back"), min_value=1, max_value=replay.LONGEST, initial=replay.DAYS)
    most = forms.IntegerField(label=_("At most parts"), min_value=1, max_value=replay.LARGEST, initial=replay.MOST)


may_look = needs("mltasks.view_modelversion")
may_replay = needs("mltasks.add_trainingrun")


@require_GET
@may_look
def replayed(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """The newest replay of a version, and how to start another."""
    version = version_of(model, number)
    remember(request, version.model)
    return render(request, "models/replay.html", {**_replay(version), "form": ReplayForm()})


@require_GET
@may_look
def replay_live(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """The newest replay alone: what its page asks for while it is unfinished."""
    return render(request, "models/_replay.html", _replay(version_of(model, number)))


@require_POST
@may_replay
def replay_start(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Queue a replay of the version."""
    version, form = version_of(model, number), ReplayForm(request.POST)
    if not form.is_valid():
        return render(request, "models/replay.html", {**_replay(version), "form": form}, status=400)
    try:
        replay.start(version, by=person(request), **form.cleaned_data)
    except replay.ReplayRefused as refused:
        messages.error(request, str(refused))
    return redirect("version-replay", model, number)


@require_POST
@may_replay
def replay_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a failed replay again; what it scored stays."""
    found = get_object_or_404(Replay.objects.select_related("candidate__model"), pk=pk)
    try:
        replay.retry(found)
    except RunNotAvailable as error:
        messages.error(request, str(error))
    return redirect("version-replay", found.candidate.model.name, found.candidate.number)


def _replay(version: ModelVersion) -> dict[str, Any]:
    of_version = Replay.objects.filter(candidate=version).defer("parts")
    related = of_version.select_related("candidate", "champion", "product", "requested_by").order_by("-created_at")
    newest = related.first()
    read, place = (ReplayReading(newest), replay_queue.place(newest)) if newest else (None, "")
    return {"version": version, "replay": newest, "read": read, "place": place}
