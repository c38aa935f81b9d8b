"""Model or version that a request selects.

The version that a page's or REST's address names.

The registered model, and so the product, that a person's pages are about: by the address, else by the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.module_loading import import_string

from mltasks.models import ModelVersion, RegisteredModel


def version_of(model: str, number: int) -> ModelVersion:
    """The version with its report, its run and where it came from. Raises Http404."""
    return get_object_or_404(ModelVersion.objects.with_origin(), model__name=model, number=number)


PARAMETER = "product"


def chosen_model(request: HttpRequest) -> RegisteredModel | None:
    """Return the model that ``?product=`` names, else the one of the session; None without any.

    A session that has none begins with the model that ``FIRST_MODEL`` names, else with the first. The choice is
    remembered for the pages that follow. Raises Http404 for a name of no model.
    """
    if asked := request.GET.get(PARAMETER):
        chosen: RegisteredModel | None = get_object_or_404(RegisteredModel, name=asked)
    else:
        chosen = _remembered(request) or _first(request)
    if chosen is not None:
        remember(request, chosen)
    return chosen


def remember(request: HttpRequest, model: RegisteredModel) -> None:
    """Make ``model`` the one that the pages after this one are about."""
    if request.session.get(PARAMETER) != model.name:
        request.session[PARAMETER] = model.name


def _remembered(request: HttpRequest) -> RegisteredModel | None:
    name = request.session.get(PARAMETER)
    return RegisteredModel.objects.filter(name=name).first() if name else None


def _first(request: HttpRequest) -> RegisteredModel | None:
    busiest = cast(Callable[[User], RegisteredModel | None], import_string(settings.FIRST_MODEL))
    chosen = busiest(request.user) if isinstance(request.user, User) else None
    return chosen or RegisteredModel.objects.first()
