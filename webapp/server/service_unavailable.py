"""Answers 503 with Retry-After while the database or the store is unreachable."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from mltasks.storage.store_errors import StoreUnreachable
from webapp.server.error_handlers import expects_json

logger = logging.getLogger(__name__)
_NAMES = {"store": "image store", "database": "database"}
RETRY_AFTER_HEADER = {"Retry-After": "5"}


class ServiceUnavailableMiddleware:
    """Middleware that answers 503 when the database or the store is lost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 for an unreachable database or store; ignore other exceptions."""
        if expects_json(request):
            return json_unavailable(exception)
        missing = _missing(exception)
        if not missing:
            return None
        page = render_to_string("503.html", {"missing": missing})
        return HttpResponse(page, status=503, headers=RETRY_AFTER_HEADER)


def json_unavailable(exception: Exception) -> JsonResponse | None:
    """Return the REST API's answer 503 for an unreachable database or store; None for other exceptions."""
    missing = _missing(exception)
    if not missing:
        return None
    body = {
        "code": f"{missing}_unavailable",
        "detail": f"The {_NAMES[missing]} cannot be reached. Send the request again in a few seconds.",
    }
    return JsonResponse(body, status=503, headers=RETRY_AFTER_HEADER)


def _missing(exception: Exception) -> str:
    """Log and return what cannot be reached; empty for an exception of another kind."""
    if isinstance(exception, StoreUnreachable):
        missing = "store"
    elif isinstance(exception, OperationalError | InterfaceError):
        missing = "database"
    else:
        return ""
    logger.error("The %s cannot be reached: %s", missing, exception)
    return missing
