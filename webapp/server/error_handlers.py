"""Error answers 400, 404 and 500: JSON for API clients, a page for people."""

from __future__ import annotations

from http import HTTPStatus

from django.core.exceptions import BadRequest, DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import split_domain_port
from django.template.loader import render_to_string
from django.urls import is_valid_path
from django.utils.translation import gettext
from django.views.defaults import page_not_found
from django.views.defaults import server_error as django_server_error

API_PATHS = ("/api/", "/predict")


def expects_json(request: HttpRequest) -> bool:
    """Return True for the REST API and `/predict`, which always answer JSON."""
    return request.path.startswith(API_PATHS)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 (Django's ``handler400``), with the reason if it was written for the client."""
    code, reason = "invalid_request", str(exception) if isinstance(exception, BadRequest) else ""
    if isinstance(exception, DisallowedHost):
        code, reason = "unknown_host", _unknown_host_text(request)
    if not expects_json(request):
        page = render_to_string("400.html", {"reason": reason})
        return HttpResponse(page, status=HTTPStatus.BAD_REQUEST)
    body = {"code": code, "detail": reason or "The request could not be read."}
    return JsonResponse(body, status=HTTPStatus.BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 (Django's ``handler404``): a page, or JSON with the likely address."""
    if not expects_json(request):
        return page_not_found(request, exception)
    return JsonResponse({"code": "not_found", "detail": _not_found_text(request)}, status=HTTPStatus.NOT_FOUND)


def _unknown_host_text(request: HttpRequest) -> str:
    name, _port = split_domain_port(request.META.get("HTTP_HOST", ""))
    if not name:
        return gettext("The Host header of the request is not the name of a server.")
    text = gettext("This server does not answer to the name {name}. Add the name to ALLOWED_HOSTS and start it again.")
    return text.format(name=name[:255])


def _not_found_text(request: HttpRequest) -> str:
    bare = request.path_info.rstrip("/")
    for path in (bare, f"{bare}/"):
        if path != request.path_info and is_valid_path(path):
            return f"There is nothing at this address. Use {path}"
    return "There is nothing at this address. See /api/docs/ for all addresses."


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 (Django's ``handler500``); the traceback is in the log."""
    return json_server_error() if expects_json(request) else django_server_error(request)


def json_server_error() -> JsonResponse:
    """Return the answer 500 of the REST API."""
    return JsonResponse({"code": "error", "detail": "Internal server error. It was written to the log."}, status=500)
