"""Stations' POST of an image answered without Django's request cycle, byte for byte as Django answers it.

The route takes only plain requests. Django answers every other request, such as one with a query, a cookie or an
unknown host.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, BinaryIO, cast

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.locale import LocaleMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils import translation
from django.utils.log import log_response
from rest_framework.renderers import JSONRenderer
from rest_framework_api_key.permissions import KeyParser

from inspection.api import station_post
from inspection.requests.uploads import plain_upload
from webapp.health.prometheus import observe_request
from webapp.server.answers import Answer, wsgi_headers
from webapp.server.error_handlers import json_server_error
from webapp.server.request_reading import CompleteRequest
from webapp.server.security_headers import NoStoreMiddleware
from webapp.server.service_unavailable import json_unavailable

ROUTES = {"/api/v1/inspections/": station_post.INSPECTIONS, "/predict": station_post.PREDICT}
# Middleware that adds headers to every answer, outermost first as in MIDDLEWARE. Headers of the admin are left out.
HEADER_MIDDLEWARE = (SecurityMiddleware, NoStoreMiddleware, CSPMiddleware, LocaleMiddleware, XFrameOptionsMiddleware)
# Django has rules for these headers: sessions and languages of people, compressed and chunked bodies.
RULED_HEADERS = {"HTTP_COOKIE", "HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING", "HTTP_ACCEPT_LANGUAGE"}
_BOUNDARY = r"[\w'()+,./:=?-]{1,70}"
_FORM = re.compile(rf'multipart/form-data *; *boundary=({_BOUNDARY}|"{_BOUNDARY}")', re.IGNORECASE | re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


def station_answer(request: CompleteRequest) -> Answer | None:
    """Answer a request that the web server has read, as ``answer_station_post``."""
    if request.method != "POST" or request.path not in ROUTES:
        return None
    body = cast(BinaryIO, request.body)
    return answer_station_post(request.method, request.path, request.query, wsgi_headers(request), body)


def answer_station_post(
    method: str, path: str, query: str, headers: Mapping[str, str], body: BinaryIO
) -> Answer | None:
    """Answer a station's POST of one image; None, without reading the body, for a request that Django must answer.

    ``headers`` are named as in WSGI: `HTTP_HOST`, `CONTENT_TYPE`. ``body`` has the declared length. The database
    connection returns to the pool, so any thread may call this function.
    """
    kind = ROUTES.get(path) if method == "POST" and not query else None
    scheme, _, key = headers.get("HTTP_AUTHORIZATION", "").partition(" ")
    if kind is None or scheme.lower() != KeyParser.keyword.lower() or not _is_plain(headers):
        return None
    begun = time.perf_counter()
    close_old_connections()
    try:
        with translation.override(settings.LANGUAGE_CODE):
            response, content = _answer(kind, path, headers, body, key)
            if response.status_code >= 400:
                log_response("%s: %s", response.reason_phrase, path, response=response)
            site_headers = _site_headers(path)
    finally:
        close_old_connections()
    observe_request(method, kind.view, response.status_code, time.perf_counter() - begun)
    own = {**response.headers, "Content-Type": "application/json", "Content-Length": str(len(content))}
    return Answer(response.status_code, [*own.items(), *site_headers], content)


def _is_plain(headers: Mapping[str, str]) -> bool:
    """Return True if neither Django nor its middleware would treat the request otherwise than any other."""
    return (
        RULED_HEADERS.isdisjoint(headers)
        and _FORM.fullmatch(headers.get("CONTENT_TYPE", "")) is not None
        and "indent" not in headers.get("HTTP_ACCEPT", "")
        and (not settings.HTTPS or headers.get("HTTP_X_FORWARDED_PROTO") == "https")
        and _is_known_host(headers.get("HTTP_HOST", ""), tuple(settings.ALLOWED_HOSTS))
        and all(_PRINTABLE.fullmatch(value) for name, value in headers.items() if name.startswith("HTTP_"))
    )


@lru_cache(256)
def _is_known_host(host: str, allowed: tuple[str, ...]) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, allowed)


def _answer(
    kind: station_post.Intake, path: str, headers: Mapping[str, str], body: BinaryIO, key: str
) -> tuple[HttpResponse, bytes]:
    try:
        response = station_post.answer_post(kind, plain_upload(headers, body), key)
    except Exception as error:  # noqa: BLE001 (logged, and answered as Django's outermost handler does)
        failed = json_unavailable(error)
        if failed is None:
            failed = json_server_error()
            log_response("Internal Server Error: %s", path, response=failed, exception=error)
        return failed, failed.content
    return response, JSONRenderer().render(response.data)


@lru_cache(len(ROUTES))
def _site_headers(path: str) -> list[tuple[str, str]]:
    """Return the headers that the middleware adds to a JSON answer at this address."""
    answer: Callable[[HttpRequest], Any] = lambda _request: HttpResponse()  # noqa: E731 (wrapped by each middleware)
    for middleware in reversed(HEADER_MIDDLEWARE):
        answer = middleware(answer)
    request = HttpRequest()
    request.method, request.path, request.path_info = "POST", path, path
    request.META["HTTP_X_FORWARDED_PROTO"] = "https"  # counts with HTTPS only, and then the route takes no other
    return [(name, value) for name, value in answer(request).items() if name != "Content-Type"]
