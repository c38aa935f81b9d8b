"""Answers 503 with Retry-After while the database is away, instead of a page of traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from webapp.faults import asks_for_json

logger = logging.getLogger(__name__)
RETRY_AFTER = {"Retry-After": "5"}


class DatabaseAwayMiddleware:
    """Turns a lost database into a clear, retryable answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 503 for a database that can't be reached; leave all else alone."""
        if not isinstance(exception, OperationalError | InterfaceError):
            return None
        logger.error("The database is away: %s", exception)
        if not asks_for_json(request):
            return HttpResponse(render_to_string("503.html"), status=503, headers=RETRY_AFTER)
        body = {
            "code": "database_unavailable",
            "detail": "The database is away. Send it again in a few seconds.",
        }
        return JsonResponse(body, status=503, headers=RETRY_AFTER)
