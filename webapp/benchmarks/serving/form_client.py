"""HTTP client of one camera: multipart forms over a kept connection."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

BOUNDARY = "second-look-bench"
ACCEPTED, IN_PROGRESS, SERVER_ERROR = (200, 201), 409, 500


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to one form, with its header Server-Timing.

    Without an answer: status 0 and the name of the error.
    """

    status: int
    content: bytes = b""
    timing: str = ""
    error: str = ""

    @property
    def accepted(self) -> bool:
        """Return True for an answered part."""
        return self.status in ACCEPTED

    @property
    def may_succeed_later(self) -> bool:
        """Return True if a station would send the same part again."""
        return bool(self.error) or self.status == IN_PROGRESS or self.status >= SERVER_ERROR

    @property
    def outcome(self) -> str:
        """Return status or error as text."""
        return self.error or str(self.status)


class FormClient:
    """Client of one address, for one thread. http.client keeps the connection and sets TCP_NODELAY."""

    def __init__(self, url: str, headers: Mapping[str, str], *, timeout: float) -> None:
        address = urlsplit(url)
        self._path = address.path
        self._headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **headers}
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=timeout)

    def post(self, form: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Post a form with further headers and return the whole answer; after an error the next form reconnects."""
        try:
            self._connection.request("POST", self._path, form, {**self._headers, **(headers or {})})
            with self._connection.getresponse() as response:
                return Reply(response.status, response.read(), response.headers.get("Server-Timing", ""))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Reply(0, error=type(error).__name__)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def multipart_form(name: str, image: bytes) -> bytes:
    """Return the multipart form of one image, as a camera sends it."""
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + image + f"\r\n--{BOUNDARY}--\r\n".encode()
