"""Requests read completely from an ASGI server: the body in memory or in a file, never longer than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# A larger body is kept in a file.
MAX_MEMORY_BYTES = 512 * 1024
# Seconds without progress after which a client is given up
STALL_SECONDS = 30.0


class RequestRefused(Exception):  # noqa: N818 (reads as what happened)
    """Error: a request that no view sees, with the status, code and text of its answer."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@dataclass(frozen=True, slots=True)
class CompleteRequest:
    """Request whose body has arrived.

    ``path`` is percent-encoded as sent. ``headers`` have lower-case names, and texts in Latin-1 as in WSGI. ``body``
    has ``length`` bytes. ``client`` and ``server`` are address and port.
    """

    method: str
    path: str
    query: str
    protocol: str
    headers: dict[str, str]
    body: IO[bytes]
    length: int
    client: tuple[str, str]
    server: tuple[str, str]


async def read_request(
    scope: Message, receive: Receive, *, max_body_bytes: int, trusted_proxies: Collection[str]
) -> CompleteRequest:
    """Read a request to its end.

    Raises RequestRefused for a body that is too long, ends early or makes no progress, and for a method in small
    letters, which the server does not recognize as HEAD.
    """
    if not scope["method"].isupper():
        raise RequestRefused(HTTPStatus.BAD_REQUEST, "invalid_request", "Write the method in capital letters.")
    headers = _read_headers(scope)
    client = (str(scope["client"][0]), str(scope["client"][1])) if scope.get("client") else ("", "")
    if not {client[0], "*"} & set(trusted_proxies):
        # Only our proxies may say that a request came by TLS.
        headers.pop("x-forwarded-proto", None)
    if int(headers.get("content-length") or 0) > max_body_bytes:
        raise _too_large(max_body_bytes)
    body: IO[bytes] = SpooledTemporaryFile(MAX_MEMORY_BYTES)  # noqa: SIM115 (closed when the request is answered)
    try:
        length = await _read_body(receive, body, max_body_bytes)
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return CompleteRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        protocol=f"HTTP/{scope['http_version']}",
        headers=headers,
        body=body,
        length=length,
        client=client,
        server=(str(scope["server"][0]), str(scope["server"][1])),
    )


def _read_headers(scope: Message) -> dict[str, str]:
    """Return the headers by name, repeated ones joined.

    A name with an underscore is dropped: in WSGI it would be the same as the name with a hyphen.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if "_" not in name:
            separator = "; " if name == "cookie" else ", "
            headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


async def _read_body(receive: Receive, body: IO[bytes], max_bytes: int) -> int:
    """Write the body to a file and return its length in bytes."""
    length, now = 0, asyncio.get_running_loop().time
    try:
        async with asyncio.timeout(STALL_SECONDS) as stall:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestRefused(HTTPStatus.BAD_REQUEST, "invalid_request", "The body ended early.")
                piece = message.get("body", b"")
                length += len(piece)
                if length > max_bytes:
                    raise _too_large(max_bytes)
                body.write(piece)
                if not message.get("more_body"):
                    return length
                stall.reschedule(now() + STALL_SECONDS)
    except TimeoutError:
        text = f"Nothing of the body arrived for {STALL_SECONDS:.0f} s."
        raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT, "invalid_request", text) from None


def _too_large(max_bytes: int) -> RequestRefused:
    text = f"The body is larger than {max_bytes >> 20} MB."
    return RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "file_too_large", text)
