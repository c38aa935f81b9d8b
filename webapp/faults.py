"""The answer to a fault of ours: JSON for machines, a page for people, a traceback for neither."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import server_error

MACHINE_PATHS = ("/api/", "/predict")


def asks_for_json(request: HttpRequest) -> bool:
    """Whether a machine asked: the REST API and the seed's endpoint answer JSON always."""
    return request.path.startswith(MACHINE_PATHS)


def fault(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``; the traceback is in the log."""
    if not asks_for_json(request):
        return server_error(request)
    return JsonResponse({"code": "error", "detail": "A fault of ours; it was written to the log."}, status=500)
