"""Selection of the version or registered model that a request is about.

A version is named by the address of the page or of the REST view. A model is chosen by the query parameter, else by the
session.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from mltasks.models import ModelVersion, RegisteredModel

PRODUCT_PARAMETER = "product"
FirstModel = Callable[[User], RegisteredModel | None]
_first_models: list[FirstModel] = []


def get_version_or_404(model: str, number: int) -> ModelVersion:
    """Return the version with its report, run and origin. Raises Http404."""
    return get_object_or_404(ModelVersion.objects.with_origin(), model__name=model, number=number)


def set_first_model(choose: FirstModel) -> None:
    """Register the function that chooses the first model of a user's pages."""
    _first_models[:] = [choose]


def chosen_model(request: HttpRequest) -> RegisteredModel | None:
    """Return the model that ``?product=`` names, else the one of the session; None without any.

    A new session starts with the model chosen by the function that ``set_first_model`` registered, else with the first
    model. The choice is stored in the session. Raises Http404 for an unknown name.
    """
    if name := request.GET.get(PRODUCT_PARAMETER):
        chosen: RegisteredModel | None = get_object_or_404(RegisteredModel, name=name)
    else:
        stored = RegisteredModel.objects.filter(name=request.session.get(PRODUCT_PARAMETER)).first()
        chosen = stored or _default_model(request)
    if chosen is not None:
        remember_choice(request, chosen)
    return chosen


def remember_choice(request: HttpRequest, model: RegisteredModel) -> None:
    """Store the model in the session, as the subject of the following pages."""
    if request.session.get(PRODUCT_PARAMETER) != model.name:
        request.session[PRODUCT_PARAMETER] = model.name


def _default_model(request: HttpRequest) -> RegisteredModel | None:
    (choose,) = _first_models
    chosen = choose(request.user) if isinstance(request.user, User) else None
    return chosen or RegisteredModel.objects.first()
