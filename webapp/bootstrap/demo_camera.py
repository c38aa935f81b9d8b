"""Camera station as an API client: posts an image until the server accepts it."""

from __future__ import annotations

import http.client
import io
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from PIL.Image import Image

_PATH = "/api/v1/inspections/"
_RETRY_STATUSES = {
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
}
_RETRY_SECONDS = 2.0


class NotAccepted(RuntimeError):  # noqa: N818 (reads as what happened)
    """Error: the server refused the image permanently; the message is the server's."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Station at ``host:port`` with its API key."""

    host: str
    port: int
    key: str
    sleep: Callable[[float], None] = time.sleep

    def send(self, image: Image, part_id: str) -> dict[str, Any]:
        """Post an image as JPEG and return the server's answer. Raises NotAccepted.

        While the server is unavailable, posts again with the same idempotency key, so the image is stored once.
        """
        buffer = io.BytesIO()
        image.save(buffer, format="JPEG", quality=92)
        boundary = secrets.token_hex(16)
        body = _multipart(boundary, buffer.getvalue(), part_id)
        headers = {
            "Authorization": f"Api-Key {self.key}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": secrets.token_hex(16),
        }
        while True:
            status, answer = self._post(body, headers)
            if status == HTTPStatus.CREATED:
                return answer
            if status is not None and status not in _RETRY_STATUSES:
                raise NotAccepted(f"{status}: {answer.get('detail', answer)}")
            self.sleep(_RETRY_SECONDS)

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int | None, dict[str, Any]]:
        """Return status and answer; the status is None if the server is unreachable or disconnects."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request("POST", _PATH, body, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None, {}
        finally:
            connection.close()
        return response.status, _parse_json(text)


def _parse_json(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else {"detail": text[:200]}


def _multipart(boundary: str, image: bytes, part_id: str) -> bytes:
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="part_id"\r\n\r\n{part_id}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{part_id}.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + image + f"\r\n--{boundary}--\r\n".encode()
