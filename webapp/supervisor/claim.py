"""Checks before a start: one supervisor per VAR folder, and a free port."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StartRefused(RuntimeError):  # noqa: N818 (reads as what happened)
    """Error: a start here would harm a running system; the message says what to do."""


@contextmanager
def lock_var_folder(var: Path) -> Iterator[None]:
    """Lock the VAR folder until this process ends in any way. Raises StartRefused."""
    var.mkdir(parents=True, exist_ok=True)
    with (var / "supervisor.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise StartRefused(
                f"{var} is in use by {holder}. Stop it first, or choose another folder: make up VAR=..."
            ) from None
        file.truncate(0)
        file.write(f"a running system (process {os.getpid()})\n")
        file.flush()
        yield


def refuse_busy_port(port: int) -> None:
    """Raise StartRefused when the port of 127.0.0.1 is in use."""
    with socket.socket() as probe:
        # As the web server binds: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise StartRefused(
                f"Port {port} of 127.0.0.1 cannot be used ({reason}). Choose another: make up PORT={_other_port(port)}"
            ) from None


def _other_port(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8001
