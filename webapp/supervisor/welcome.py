"""Welcome text with addresses and logins, printed when the web server answers."""

from __future__ import annotations

import time
from collections.abc import Collection
from http import HTTPStatus
from pathlib import Path

from webapp.config import credentials
from webapp.health.container_check import response_status
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
        logins = credentials.load_logins(self._var)
        if self._demo - set(logins) and time.monotonic() - self._answered < LOGIN_WAIT_SECONDS:
            return
        self._done = True
        self._console.say(self._banner(logins))

    def _banner(self, logins: dict[str, str]) -> str:
        site = f"http://127.0.0.1:{self._port}"
        shown = [name for name in logins if name in self._demo or name not in self._printed_logins]
        lines = [
            f"\nSecond Look is up after {time.monotonic() - self._begun:.0f} s:  {site}/",
            f"  review {site}/review/   models {site}/models/   admin {site}/admin/   API {site}/api/docs/",
            *(f"  log in as {name:<9} password: {logins[name]}" for name in shown),
            f"  All logins: {self._var / credentials.FILE_NAME}. Ctrl-C stops everything and keeps all data.\n",
        ]
        return "\n".join(lines)

    def _answers(self) -> bool:
        return response_status("/healthz", self._port, "127.0.0.1", timeout=0.5) == HTTPStatus.OK
