"""Embedded servers of a VAR folder: started, addresses published, restarted, stopped."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from pathlib import Path

from webapp.config.running_services import remove_services, write_services
from webapp.supervisor.claim import StartRefused
from webapp.supervisor.console import Console
from webapp.supervisor.embedded_server import CouldNotStart, EmbeddedServer
from webapp.supervisor.postgres import Postgres
from webapp.supervisor.valkey import Valkey

# A Unix socket's path is at most 107 bytes, and ".s.PGSQL.5432.lock" follows the folder.
_MAX_SOCKET_FOLDER_BYTES = 107 - len("/.s.PGSQL.5432.lock")
_RETRY_SECONDS = 5.0


class Servers:
    """PostgreSQL and Valkey under VAR, each unless an external server is configured."""

    def __init__(self, var: Path, console: Console, *, postgres: bool, valkey: bool) -> None:
        self._var, self._console = var, console
        self._sockets = socket_folder(var)
        logs = var / "logs"
        self.postgres = Postgres(var / "postgres", self._sockets, logs / "postgres.log") if postgres else None
        self.valkey = Valkey(var / "valkey", logs / "valkey.log") if valkey else None
        self._retry_at = 0.0

    def start(self) -> None:
        """Start the servers and write their addresses. Raises CouldNotStart."""
        for server in self._all:
            begun = time.monotonic()
            _rotate_log(server.log)
            server.start()
            self._console.say(f"{server.name} started ({time.monotonic() - begun:.1f} s)")
        urls = {"database_url": self.postgres and self.postgres.url, "redis_url": self.valkey and self.valkey.url}
        write_services(self._var, {name: url for name, url in urls.items() if url})

    def restart_if_dead(self) -> None:
        """Restart dead servers at the same address."""
        for server in self._all:
            if server.running or time.monotonic() < self._retry_at:
                continue
            self._console.say(f"{server.name} stopped unexpectedly; restarting it")
            try:
                server.start()
            except CouldNotStart as error:
                self._retry_at = time.monotonic() + _RETRY_SECONDS
                self._console.say(f"{error}\nRetrying in {_RETRY_SECONDS:.0f} s")

    def stop(self, *, at_once: bool) -> None:
        """Stop the servers and remove their addresses.

        With ``at_once`` there is no orderly shutdown; the servers recover at the next start.
        """
        for server in reversed(self._all):
            server.kill() if at_once else server.stop()
        remove_services(self._var)
        if self._sockets.exists() and not any(self._sockets.iterdir()):
            self._sockets.rmdir()

    def pids(self) -> set[int]:
        """Return the process ids of the servers."""
        return {server.process.pid for server in self._all if server.process is not None}

    @property
    def _all(self) -> list[EmbeddedServer]:
        return [server for server in (self.postgres, self.valkey) if server is not None]


def socket_folder(var: Path) -> Path:
    """Return the folder of the database's socket, below VAR if its path is short enough.

    Otherwise it is below the temporary folder. Raises StartRefused when that folder belongs to another user.
    """
    below = var / "run"
    if len(os.fsencode(below)) <= _MAX_SOCKET_FOLDER_BYTES:
        return below
    digest = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"second-look-{os.getuid()}-{digest}"
    # As root its owner is PostgreSQL's user; otherwise another user's folder could be an attack.
    if short.exists() and os.getuid() not in {0, short.lstat().st_uid}:
        raise StartRefused(f"{short} belongs to another user: remove it, or choose a shorter VAR.")
    return short


def _rotate_log(log: Path) -> None:
    """Rename a log above 5 MB; one older log is kept."""
    if log.exists() and log.stat().st_size > 5_000_000:
        log.replace(log.with_suffix(".old.log"))
