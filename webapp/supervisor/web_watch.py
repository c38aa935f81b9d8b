"""Watch of the web server: ends it, so that it restarts, when /healthz stays silent."""

from __future__ import annotations

import threading
import time

from webapp.health.container_check import response_status
from webapp.supervisor.child import Child

# A web process ends itself after 30 s without an answer. This watch covers a failure of that.
PATIENCE_SECONDS, POLL_SECONDS = 90.0, 5.0


class WebWatch:
    """Watch that polls /healthz in its own thread: a silent server would block the caller."""

    def __init__(
        self,
        child: Child,
        port: int,
        host: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._child, self._port, self._host = child, port, host
        self._patience_seconds, self._poll_seconds = patience_seconds, poll_seconds
        self._answered_at = time.monotonic()
        self._stopped = threading.Event()
        threading.Thread(target=self._poll, daemon=True).start()

    def check(self) -> None:
        """Kill the web server's processes if nothing was answered for too long since their start."""
        begun = max(self._answered_at, self._child.started_at)
        silent = time.monotonic() - begun
        if not self._child.running or silent < self._patience_seconds:
            return
        self._child.console.say(
            f"{self._child.program.name} did not answer for {silent:.0f} s; its processes are killed"
        )
        self._child.kill()

    def stop(self) -> None:
        """Stop polling."""
        self._stopped.set()

    def _poll(self) -> None:
        while not self._stopped.wait(self._poll_seconds):
            if response_status("/healthz", self._port, self._host) is not None:
                self._answered_at = time.monotonic()
