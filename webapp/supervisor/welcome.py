"""Welcome text with addresses and logins, printed when the web server answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Collection
from pathlib import Path

from webapp.config import credentials
from webapp.supervisor.console import Console

# The demo creates its users while the web server starts; the banner waits at most this long for their logins.
LOGIN_WAIT_SECONDS = 15.0


class Welcome:
    """Banner with addresses and logins, printed once after the web server's first answer.

    ``printed_logins`` are users whose logins an earlier start printed, ``demo`` the users printed at each start.
    """

    def __init__(
        self,
        port: int,
        var: Path,
        console: Console,
        *,
        printed_logins: Collection[str] = (),
        demo: Collection[str] = (),
    ) -> None:
        self._port, self._var, self._console = port, var, console
        self._printed_logins, self._demo = set(printed_logins), set(demo)
        self._begun = time.monotonic()
        self._answered: float | None = None
        self._done = False

    def print_when_ready(self) -> None:
        """Print the banner when the web server answers and the demo's users exist."""
        if self._done or (self._answered is None and not self._answers()):
            return
        self._answered = self._answered or time.monotonic()
        kept = credentials.load_logins(self._var)
        if self._demo - set(kept) and time.monotonic() - self._answered < LOGIN_WAIT_SECONDS:
            return
        self._done = True
        self._console.say(self._banner(kept))

    def _banner(self, kept: dict[str, str]) -> str:
        site = f"http://127.0.0.1:{self._port}"
        lines = [
            f"\nSecond Look is up after {time.monotonic() - self._begun:.0f} s:  {site}/",
            f"  review {site}/review/   models {site}/models/   admin {site}/admin/   API {site}/api/docs/",
            *(f"  log in as {name:<9} password: {word}" for name, word in kept.items() if self._shows(name)),
            f"  All logins: {self._var / credentials.FILE_NAME}. Ctrl-C stops everything and keeps all data.\n",
        ]
        return "\n".join(lines)

    def _shows(self, name: str) -> bool:
        return name in self._demo or name not in self._printed_logins

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=0.5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
