"""Health check of this container's web server; exits with 1 unless the answer is 200.

Run as a file. The request names the first host of ALLOWED_HOSTS, because other hosts are refused.
"""

from __future__ import annotations

import http.client
import os
import sys


def is_healthy(path: str, *, port: int, host: str) -> bool:
    """Return True if ``path`` is answered with 200 on local ``port`` for ``host``."""
    return response_status(path, port, host) == http.HTTPStatus.OK


def response_status(path: str, port: int, host: str, *, timeout: float = 4.0) -> int | None:
    """Return the status of the answer; None without an answer within ``timeout`` seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


if __name__ == "__main__":
    first = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".") or "127.0.0.1"
    sys.exit(0 if is_healthy(sys.argv[1], port=int(os.environ.get("PORT") or 8000), host=first) else 1)
