"""The registered model, and so the product, that a person's pages are about: by the address, else by the session."""

from __future__ import annotations

from django.http import HttpRequest

from mltasks.models import RegisteredModel

PARAMETER = "product"


def chosen_model(request: HttpRequest) -> RegisteredModel | None:
    """Return the model that ``?product=`` names, else the one of the session, else the first; None without any.

    A name in the address is remembered for the pages that follow; a name of no model is passed over.
    """
    asked = request.GET.get(PARAMETER, "")
    remembered = request.session.get(PARAMETER, "")
    found = {model.name: model for model in RegisteredModel.objects.filter(name__in=[asked, remembered])}
    if asked in found and asked != remembered:
        request.session[PARAMETER] = asked
    return found.get(asked) or found.get(remembered) or RegisteredModel.objects.first()


def remember(request: HttpRequest, model: RegisteredModel) -> None:
    """Make ``model`` the one that the pages after this one are about."""
    if request.session.get(PARAMETER) != model.name:
        request.session[PARAMETER] = model.name
