"""Refusal of addresses, headers and forms with characters that no database column stores."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_header_parameters

from mltasks.text import storable
from webapp.server.error_handlers import bad_request

# Tabs are allowed in headers.
_HEADER_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# Names as in Python. Other charsets of a Content-Type are no text (base64) or hide characters (utf-7).
ACCEPTED_CHARSETS = {"utf-8", "ascii"}


class Utf8Request(WSGIRequest):
    """Request read as UTF-8: some charsets would raise before any middleware can answer."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except ValueError:
            self.content_type, self.content_params = "", {"charset": "unreadable"}


class UnstorableMiddleware:
    """Middleware that answers 400 for control characters and surrogates; parsers check JSON."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer 400 for bad path, query or headers; check a form when it is read."""
        _drop_credentials(request)
        try:
            _check_head(request)
        except ValueError as error:
            return bad_request(request, BadRequest(str(error)))
        _check_form_when_read(request)
        return self.get_response(request)


def _check_head(request: HttpRequest) -> None:
    _check_charset(request)
    storable.check_text(request.path, storable.LINE_CONTROLS)
    _check_query_is_utf8(request)
    storable.check_fields(request.GET, storable.LINE_CONTROLS)
    for name, value in request.META.items():
        if name.startswith("HTTP_"):
            storable.check_text(value, _HEADER_CONTROLS)


def _check_charset(request: HttpRequest) -> None:
    charset = (request.content_params or {}).get("charset", "utf-8")
    try:
        accepted = codecs.lookup(charset).name in ACCEPTED_CHARSETS
    except (LookupError, ValueError):
        accepted = False
    if not accepted:
        raise ValueError("Send the body in UTF-8: its Content-Type names a charset that is not accepted.")


def _check_query_is_utf8(request: HttpRequest) -> None:
    """Refuse bytes that Django would read as U+FFFD, which makes different values equal."""
    try:
        unquote_to_bytes(request.META.get("QUERY_STRING", "")).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("Encode the address in UTF-8: its query has bytes that are not valid UTF-8.") from None


def _drop_credentials(request: HttpRequest) -> None:
    """Drop a key or cookies that cannot be stored; other programs on this host set cookies, too."""
    if _HEADER_CONTROLS.search(request.META.get("HTTP_AUTHORIZATION", "")):
        del request.META["HTTP_AUTHORIZATION"]
    for name, value in list(request.COOKIES.items()):
        if storable.LINE_CONTROLS.search(value):
            del request.COOKIES[name]


def _check_form_when_read(request: HttpRequest) -> None:
    """Check the fields when Django reads them: some views set upload handlers first."""
    read = request._load_post_and_files  # the one place where Django reads a form

    def read_and_check() -> None:
        read()
        try:
            storable.check_fields(request._post)  # type: ignore[attr-defined]
        except ValueError as error:
            raise BadRequest(str(error)) from None

    request._load_post_and_files = read_and_check  # type: ignore[method-assign]
