"""Watch over the web server: ended, and so started again, when its /healthz stays silent."""

from __future__ import annotations

import threading
import time

from webapp.health.container_check import answers
from webapp.supervisor.child import Child

# A web process ends itself after 30 s without an answer and Gunicorn ends one whose loop stands still after 60: this
# is for when both fail.
PATIENCE, EVERY = 90.0, 5.0


class WebWatch:
    """Asks for /healthz in a thread of its own, because a silent server would hold up who asks."""

    def __init__(self, child: Child, port: int, host: str, *, patience: float = PATIENCE, every: float = EVERY) -> None:
        self._child, self._port, self._host = child, port, host
        self._patience, self._every = patience, every
        self._answered_at = time.monotonic()
        self._over = threading.Event()
        threading.Thread(target=self._ask, daemon=True).start()

    def look(self) -> None:
        """End the web server's processes when they answered nothing for too long, counted from their start."""
        begun = max(self._answered_at, self._child.started_at)
        silent = time.monotonic() - begun
        if not self._child.running or silent < self._patience:
            return
        self._child.console.say(
            f"{self._child.program.name} answered nothing for {silent:.0f} s; its processes are ended"
        )
        self._child.kill()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()

    def _ask(self) -> None:
        while not self._over.wait(self._every):
            if answers("/healthz", port=self._port, host=self._host):
                self._answered_at = time.monotonic()
