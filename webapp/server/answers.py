"""Answers of Django and of refused requests, ready to send."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication
from wsgiref.util import FileWrapper

from webapp.server.request_reading import MAX_MEMORY_BYTES, CompleteRequest, RequestRefused


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (Latin-1) and body, as bytes or as a file to be closed after sending."""

    status: int
    headers: Iterable[tuple[str, str]]
    body: bytes | IO[bytes]


def refusal_answer(refused: RequestRefused, *, as_json: bool) -> Answer:
    """Return the answer to a refused request; the connection is closed after it, because a body may still arrive."""
    kind, body = "text/plain", refused.detail
    if as_json:
        kind, body = "application/json", json.dumps({"code": refused.code, "detail": refused.detail})
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close")]
    return Answer(refused.status, headers, body.encode())


def wsgi_answer(application: WSGIApplication, request: CompleteRequest) -> Answer:
    """Return the answer of a WSGI application.

    A streamed answer is written to a file first: its generator may use the database connection of this thread, which
    would otherwise wait for the client.
    """
    started: list[tuple[int, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        started.append((int(status.split(" ", 1)[0]), headers))

    content: Any = application(_environ(request), start_response)
    if isinstance(content, FileWrapper):
        status, headers = started[-1]
        return Answer(status, headers, content.filelike)
    try:
        body = _spooled(content) if getattr(content, "streaming", False) else b"".join(content)
    finally:
        if hasattr(content, "close"):
            content.close()
    status, headers = started[-1]
    return Answer(status, headers, body)


def _spooled(content: Iterable[bytes]) -> IO[bytes]:
    file: IO[bytes] = SpooledTemporaryFile(MAX_MEMORY_BYTES)  # noqa: SIM115 (closed after sending)
    file.writelines(content)
    file.seek(0)
    return file


def wsgi_headers(request: CompleteRequest) -> dict[str, str]:
    """Return the request's headers as WSGI names them, with the length of the body that arrived."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()}
    headers.pop("HTTP_CONTENT_LENGTH", None)
    return headers | {"CONTENT_TYPE": headers.pop("HTTP_CONTENT_TYPE", ""), "CONTENT_LENGTH": str(request.length)}


def _environ(request: CompleteRequest) -> dict[str, Any]:
    return wsgi_headers(request) | {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": request.client[0],
        "REMOTE_PORT": request.client[1],
        "SERVER_NAME": request.server[0],
        "SERVER_PORT": request.server[1],
        "SERVER_PROTOCOL": request.protocol,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": request.body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
