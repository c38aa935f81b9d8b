"""A client that sends bytes as they are, and counts what a server leaves open."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

import psutil


def connect(port: int, seconds: float = 10.0) -> socket.socket:
    """Return a connection to 127.0.0.1 whose calls wait for at most ``seconds``."""
    return socket.create_connection(("127.0.0.1", port), timeout=seconds)


def send_and_read_all(port: int, data: bytes, seconds: float = 10.0) -> bytes:
    """Send ``data`` and return all bytes until the server closes. Raises TimeoutError when it does not."""
    received = b""
    with connect(port, seconds) as connection, suppress(ConnectionError):
        connection.sendall(data)
        while piece := connection.recv(65536):
            received += piece
    return received


def open_connections(pids: set[int], port: int) -> list[str]:
    """Return the states of the connections to ``port`` that the processes still hold, the listening ones left out."""
    held = [one for pid in pids for one in psutil.Process(pid).net_connections("tcp") if one.laddr.port == port]
    return sorted(str(one.status) for one in held if one.status != psutil.CONN_LISTEN)


@dataclass
class Head:
    """Status and headers of one answer, as read from a connection."""

    status: int
    headers: dict[str, str]


class Reader:
    """Reads answers from a connection in order, and only what belongs to each of them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._pending = connection, b""

    def head(self) -> Head:
        """Read up to the end of the headers. Raises ValueError where no answer begins, ConnectionError at the end."""
        while b"\r\n\r\n" not in self._pending:
            piece = self._connection.recv(65536)
            if not piece:
                raise ConnectionError(f"closed after {self._pending[:80]!r}")
            self._pending += piece
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        if not lines[0].startswith("HTTP/1."):
            raise ValueError(f"no answer begins with {lines[0][:80]!r}")
        pairs = (line.partition(":") for line in lines[1:])
        return Head(int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs})

    def rest(self) -> bytes:
        """Read until the server closes."""
        while piece := self._connection.recv(65536):
            self._pending += piece
        return self._pending
