"""REST fallback view: serves addresses without their final slash, else answers 404 in JSON."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, resolve
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


@extend_schema(exclude=True)
class UnknownAddress(APIView):
    """Last pattern below ``/api/v1/``, for addresses that no other pattern matches."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes: list[type[BasePermission]] = []

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer as the address with a final slash does: a redirect would lose a POST's body."""
        match = _match_with_slash(request)
        if match is None:
            return super().dispatch(request, *args, **kwargs)
        request.resolver_match = match
        return match.func(request, *match.args, **match.kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse every method. Raises NotFound."""
        raise NotFound("There is nothing at this address. See /api/docs/ for all addresses.")


def _match_with_slash(request: HttpRequest) -> ResolverMatch | None:
    if request.path_info.endswith("/"):
        return None
    try:
        match = resolve(f"{request.path_info}/", getattr(request, "urlconf", None))
    except Resolver404:
        return None
    return None if getattr(match.func, "cls", None) is UnknownAddress else match
