"""The doors to replays and challengers: a version held against the champion on the line's history, and live."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inspection import challenger_reading, replay, replay_queue, shadow
from inspection.forms import ChallengeForm, ReplayForm
from inspection.models import Challenge, Replay
from inspection.replay_reading import ReplayReading
from mltasks.models import ModelVersion
from mltasks.registry.registry import PERMISSION
from mltasks.runs.lease import RunNotAvailable
from mltasks.web.access import needs, person
from mltasks.web.selection import remember, version_of

may_look = needs("mltasks.view_modelversion")
may_replay = needs("mltasks.add_trainingrun")
may_challenge = needs(PERMISSION)


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


@require_GET
@may_look
def challenger(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """What a version said of live parts, beside the champion's verdicts."""
    version = version_of(model, number)
    remember(request, version.model)
    return render(request, "models/challenger.html", {**_challenge(version), "form": ChallengeForm()})


@require_GET
@may_look
def challenger_live(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """The figures alone: what the page asks for every few seconds."""
    return render(request, "models/_challenger.html", _challenge(version_of(model, number)))


@require_POST
@may_challenge
def challenger_start(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """Let the version score live parts from now on."""
    version, form = version_of(model, number), ChallengeForm(request.POST)
    if not form.is_valid():
        return render(request, "models/challenger.html", {**_challenge(version), "form": form}, status=400)
    try:
        shadow.challenge(version, by=person(request), share=form.cleaned_data["share"] / 100)
    except shadow.ChallengeRefused as refused:
        messages.error(request, str(refused))
    return redirect("version-challenger", model, number)


@require_POST
@may_challenge
def challenger_end(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """End the version's challenge; its scores stay."""
    running = Challenge.objects.running().filter(version=version_of(model, number)).first()
    if running is None or not shadow.end(running, by=person(request)):
        messages.error(request, _("It was over already."))
    return redirect("version-challenger", model, number)


def _replay(version: ModelVersion) -> dict[str, Any]:
    of_version = Replay.objects.filter(candidate=version).defer("parts")
    related = of_version.select_related("candidate", "champion", "product", "requested_by").order_by("-created_at")
    newest = related.first()
    read, place = (ReplayReading(newest), replay_queue.place(newest)) if newest else (None, "")
    return {"version": version, "replay": newest, "read": read, "place": place}


def _challenge(version: ModelVersion) -> dict[str, Any]:
    of_version = Challenge.objects.filter(version=version).select_related("product", "by", "ended_by")
    newest = of_version.first()
    other = Challenge.objects.running().filter(version__model=version.model).exclude(version=version).first()
    read = challenger_reading.read(newest) if newest else None
    return {"version": version, "challenge": newest, "read": read, "other": other}
