"""The door to a version's model card."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from mltasks import model_card
from mltasks.addressed import version_of
from mltasks.choice import remember
from mltasks.signed_in import needs


@require_GET
@needs("mltasks.view_modelversion")
def card(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """The card as an article, to be read and printed."""
    found = version_of(model, number)
    remember(request, found.model)
    return render(request, "models/card.html", {"card": model_card.of(found)})
