"""Security headers: content security policy of the admin, and no storing of answers."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]
# Themes and widgets of libraries set styles in their HTML. Inline scripts are forbidden everywhere.
INLINE_STYLES = {"style-src": [UNSAFE_INLINE]}
# The themed admin drives its widgets with Alpine, which evaluates the expressions in its attributes.
ADMIN_CSP = {**INLINE_STYLES, "script-src": [UNSAFE_EVAL]}


class AdminCspMiddleware:
    """Middleware that extends the content security policy for the admin only."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer; django-csp reads the update when it writes the header."""
        response = self._get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = ADMIN_CSP  # type: ignore[attr-defined]
        return response


class NoStoreMiddleware:
    """Middleware that forbids browsers and proxies to store answers.

    The next person at a shared screen must not find earlier pages. Static files are answered earlier and stay
    cacheable. The workbench keeps the images of its next parts in memory.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        response["Cache-Control"] = "private, no-store"
        return response
