"""Tells where the pages are, as soon as they are there."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

from webapp.supervisor.console import Console


class Welcome:
    """Looks for the web server's first answer, and then prints the addresses, once."""

    def __init__(self, port: int, var: Path, console: Console) -> None:
        self._port, self._var, self._console = port, var, console
        self._begun = time.monotonic()
        self._done = False

    def look(self) -> None:
        """Print the addresses when the web server answers for the first time."""
        if self._done or not self._answers():
            return
        self._done = True
        site = f"http://127.0.0.1:{self._port}"
        self._console.say(
            f"\nSecond Look is up after {time.monotonic() - self._begun:.0f} s:  {site}/\n"
            f"  review {site}/review/   models {site}/models/   admin {site}/admin/   API {site}/api/docs/\n"
            f"  Logins: see {self._var / 'credentials'}. Ctrl-C stops everything and keeps all data.\n"
        )

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=0.5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
