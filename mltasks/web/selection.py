"""Model or version that a request selects.

The version that a page's or REST's address names.

The registered model, and so the product, that a person's pages are about: by the address, else by the session.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from mltasks.models import ModelVersion, RegisteredModel


def get_version_or_404(model: str, number: int) -> ModelVersion:
    """The version with its report, its run and where it came from. Raises Http404."""
    return get_object_or_404(ModelVersion.objects.with_origin(), model__name=model, number=number)


PRODUCT_PARAMETER = "product"
FirstModel = Callable[[User], RegisteredModel | None]
_first_models: list[FirstModel] = []


def set_first_model(choose: FirstModel) -> None:
    """Register the function that chooses the model a person's pages show first."""
    _first_models[:] = [choose]


def chosen_model(request: HttpRequest) -> RegisteredModel | None:
    """Return the model that ``?product=`` names, else the one of the session; None without any.

    A session that has none begins with the model of the function that ``set_first_model`` registered, else with the
    first. The choice is remembered for the pages that follow. Raises Http404 for a name of no model.
    """
    if asked := request.GET.get(PRODUCT_PARAMETER):
        chosen: RegisteredModel | None = get_object_or_404(RegisteredModel, name=asked)
    else:
        chosen = _session_model(request) or _default_model(request)
    if chosen is not None:
        remember_choice(request, chosen)
    return chosen


def remember_choice(request: HttpRequest, model: RegisteredModel) -> None:
    """Make ``model`` the one that the pages after this one are about."""
    if request.session.get(PRODUCT_PARAMETER) != model.name:
        request.session[PRODUCT_PARAMETER] = model.name


def _session_model(request: HttpRequest) -> RegisteredModel | None:
    name = request.session.get(PRODUCT_PARAMETER)
    return RegisteredModel.objects.filter(name=name).first() if name else None


def _default_model(request: HttpRequest) -> RegisteredModel | None:
    (choose,) = _first_models
    chosen = choose(request.user) if isinstance(request.user, User) else None
    return chosen or RegisteredModel.objects.first()
