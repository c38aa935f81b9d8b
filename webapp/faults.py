"""The answer to a request that can't be read and to a fault of ours: JSON for machines, a page for people."""

from __future__ import annotations

from http import HTTPStatus

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

MACHINE_PATHS = ("/api/", "/predict")


def asks_for_json(request: HttpRequest) -> bool:
    """Whether a machine asked: the REST API and the seed's endpoint answer JSON always."""
    return request.path.startswith(MACHINE_PATHS)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's ``handler400``: what is wrong with the request, where the reason was written for its sender."""
    reason = str(exception) if isinstance(exception, BadRequest) else ""
    if not asks_for_json(request):
        page = render_to_string("400.html", {"reason": reason})
        return HttpResponse(page, status=HTTPStatus.BAD_REQUEST)
    body = {"code": "invalid_request", "detail": reason or "The request could not be read."}
    return JsonResponse(body, status=HTTPStatus.BAD_REQUEST)


def fault(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``; the traceback is in the log."""
    if not asks_for_json(request):
        return server_error(request)
    return JsonResponse({"code": "error", "detail": "A fault of ours; it was written to the log."}, status=500)
