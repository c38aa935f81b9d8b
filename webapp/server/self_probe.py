"""Requests for /healthz that a web process sends to itself, to notice that it answers nothing any more."""

from __future__ import annotations

import socket
import time
from typing import Any

from webapp.server.http_channel import Channel

# No real connection comes from port 0: requests from it are neither counted nor logged.
ADDRESS = ("127.0.0.1", 0)
PROBE_PORT = str(ADDRESS[1])
EVERY = 5.0


class SelfProbe:
    """One request at a time, over a socket pair that the process's own loop and threads serve like any connection."""

    def __init__(self, server: Any, connections: dict[int, Any], host: str, *, every: float = EVERY) -> None:
        self._server, self._connections, self._every = server, connections, every
        self._request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        self._ours: socket.socket | None = None
        self._sent_at = time.monotonic()

    def silent_for(self) -> float:
        """Send and receive what is due. Return for how many seconds a request has waited for its answer; else 0."""
        now = time.monotonic()
        if self._ours is None:
            if now - self._sent_at >= self._every:
                self._send(now)
            return 0.0
        if self._answered(self._ours):
            self._ours.close()
            self._ours = None
            return 0.0
        return now - self._sent_at

    def _send(self, now: float) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        Channel(self._server, theirs, ADDRESS, self._server.adj, map=self._connections)
        self._ours.sendall(self._request)
        self._sent_at = now

    @staticmethod
    def _answered(ours: socket.socket) -> bool:
        """Return True if any answer came. A closed connection is one, too: the loop that closed it lives."""
        try:
            ours.recv(1024)
        except BlockingIOError:
            return False
        return True
