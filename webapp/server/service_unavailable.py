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
RETRY_AFTER_HEADER = {"Retry-After": "5"}


class ServiceUnavailableMiddleware:
    """Middleware that answers 503 when the database or the store is lost."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 for an unreachable database or store; ignore other exceptions."""
        if isinstance(exception, StoreUnreachable):
            missing, name = "store", "image store"
        elif isinstance(exception, OperationalError | InterfaceError):
            missing = name = "database"
        else:
            return None
        logger.error("The %s cannot be reached: %s", missing, exception)
        if not expects_json(request):
            return HttpResponse(
                render_to_string("503.html", {"missing": missing}), status=503, headers=RETRY_AFTER_HEADER
            )
        body = {
            "code": f"{missing}_unavailable",
            "detail": f"The {name} cannot be reached. Send the request again in a few seconds.",
        }
        return JsonResponse(body, status=503, headers=RETRY_AFTER_HEADER)
