"""Connections of the web server: waitress's channel with fixes.

In four cases waitress never closes a connection or its answers get out of step:

1. A request that cannot be parsed has no ``path``, which waitress itself reads when it logs an error.
2. Addresses and lengths that Python refuses (``http://[``, 5,000 digits) raise in the loop that serves all
   connections.
3. An answer to HEAD is sent with its body, and a file with any status; the client reads the body as the next answer.
4. A client that stops reading a large answer occupies its thread forever.
"""

from __future__ import annotations

import json
import time
from typing import Any

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest

from webapp.server.error_handlers import API_PATHS

HTTP_TOO_LARGE = 413


class ParsedRequest(HTTPRequestParser):
    """Request with a path and a command even when its first line could not be parsed."""

    path = ""
    command = ""

    def received(self, data: bytes) -> int:
        """Parse bytes of the request; return the number of bytes taken."""
        try:
            return int(super().received(data))
        except ValueError as error:
            self.error, self.completed = BadRequest(str(error)), True
            return len(data)


class _HeadersOnly:
    """Channel that sends the first piece of an answer, its headers, and drops the rest."""

    def __init__(self, channel: Any, *, sent: bool = False) -> None:
        self._channel, self._sent = channel, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def write_soon(self, data: Any) -> int:
        """Send the headers; close or drop later data and return its length."""
        if not self._sent:
            self._sent = True
            return int(self._channel.write_soon(data))
        if isinstance(data, ReadOnlyFileBasedBuffer):
            data.close()
        return len(data)


def _without_body(channel: Any, request: ParsedRequest) -> Any:
    return _HeadersOnly(channel) if request.command == "HEAD" else channel


class ApplicationTask(WSGITask):
    """Answer of the application: without a body for HEAD, 204 and 304."""

    channel: Any

    def __init__(self, channel: Any, request: ParsedRequest) -> None:
        super().__init__(_without_body(channel, request), request)

    def build_response_header(self) -> bytes:
        """Return status line and headers; drop the body where the status allows none."""
        if getattr(self.channel.server, "retiring", False):
            self.set_close_on_finish()
        if not self.has_body and not isinstance(self.channel, _HeadersOnly):
            self.channel = _HeadersOnly(self.channel, sent=True)  # the caller sends the headers itself
        return bytes(super().build_response_header())


class RejectionTask(ErrorTask):
    """Answer to bytes that are no valid request: JSON for paths of the API."""

    def __init__(self, channel: Any, request: ParsedRequest) -> None:
        super().__init__(_without_body(channel, request), request)

    def execute(self) -> None:
        """Write the answer and close the connection."""
        if not self.request.path.startswith(API_PATHS):
            super().execute()
            return
        error = self.request.error
        code = "file_too_large" if error.code == HTTP_TOO_LARGE else "invalid_request"
        body = json.dumps({"code": code, "detail": f"{error.reason}: {error.body}."}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """Connection that is always closed in the end, whatever the client does."""

    parser_class = ParsedRequest
    task_class = ApplicationTask
    error_task_class = RejectionTask

    def service(self) -> None:
        """Answer one request; close the connection after an unexpected error."""
        try:
            super().service()
        except BaseException:
            self.cancel()
            self.server.pull_trigger()
            raise

    def writable(self) -> bool:
        """Return True if there is data to send or to close; disconnect a client that reads nothing."""
        # Up to `send_bytes` bytes wait for more data, not for the client.
        stuck = self.total_outbufs_len > self.adj.send_bytes
        if stuck and time.time() - self.last_activity > self.adj.channel_timeout:
            self.handle_close()  # explicitly, because the socket never becomes writable
            return False
        return bool(super().writable())
