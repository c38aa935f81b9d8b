"""The door to a version's model card."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from mltasks import model_card
from mltasks.choice import remember
from mltasks.models import ModelVersion
from mltasks.signed_in import needs


@require_GET
@needs("mltasks.view_modelversion")
def card(request: HttpRequest, model: str, number: int) -> HttpResponse:
    """The card as an article, to be read and printed."""
    found = get_object_or_404(ModelVersion.objects.with_origin(), model__name=model, number=number)
    remember(request, found.model)
    return render(request, "models/card.html", {"card": model_card.of(found)})
