"""Requests for /healthz that a web process sends to itself to detect a standstill."""

from __future__ import annotations

import socket
import time
from typing import Any

from webapp.server.http_channel import Channel

# Real connections never come from port 0: requests from it are neither counted nor logged.
PROBE_ADDRESS = ("127.0.0.1", 0)
PROBE_PORT = str(PROBE_ADDRESS[1])
PROBE_SECONDS = 5.0


class SelfProbe:
    """Probe with one request at a time over a socket pair, served like any connection."""

    def __init__(
        self, server: Any, connections: dict[int, Any], host: str, *, probe_seconds: float = PROBE_SECONDS
    ) -> None:
        self._server, self._connections, self._probe_seconds = server, connections, probe_seconds
        self._request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        self._socket: socket.socket | None = None
        self._sent_at = time.monotonic()

    def unanswered_seconds(self) -> float:
        """Send or receive; return the seconds that a request has waited for its answer, else 0."""
        now = time.monotonic()
        if self._socket is None:
            if now - self._sent_at >= self._probe_seconds:
                self._send(now)
            return 0.0
        if self._has_answer(self._socket):
            self._socket.close()
            self._socket = None
            return 0.0
        return now - self._sent_at

    def _send(self, now: float) -> None:
        self._socket, server_end = socket.socketpair()
        self._socket.setblocking(False)
        Channel(self._server, server_end, PROBE_ADDRESS, self._server.adj, map=self._connections)
        self._socket.sendall(self._request)
        self._sent_at = now

    @staticmethod
    def _has_answer(connection: socket.socket) -> bool:
        """Return True for any answer or a closed connection, which also shows that the loop runs."""
        try:
            connection.recv(1024)
        except BlockingIOError:
            return False
        return True
