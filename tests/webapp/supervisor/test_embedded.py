"""The embedded servers: they start on nothing, keep data, survive a crash, and die with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
import pytest
import redis

from webapp.supervisor.embedded_server import CouldNotStart
from webapp.supervisor.postgres import Postgres
from webapp.supervisor.valkey import Valkey

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server of this test's own, with a socket folder whose path is short enough."""
    server = Postgres(tmp_path / "pg", tmp_path / "s", tmp_path / "pg.log", durable=False)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server of this test's own."""
    server = Valkey(tmp_path / "valkey", tmp_path / "valkey.log")
    server.start()
    yield server
    server.kill()


def fetch_one(server: Postgres, query: LiteralString) -> tuple[object, ...] | None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(query).fetchone()


def execute(server: Postgres, *statements: LiteralString) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_postgres_keeps_its_data_over_a_restart(postgres: Postgres) -> None:
    execute(postgres, "CREATE TABLE kept AS SELECT 42 AS value")
    postgres.stop()
    assert not postgres.running
    postgres.start()
    assert fetch_one(postgres, "SELECT value FROM kept") == (42,)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_postgres_recovers_after_its_own_crash(postgres: Postgres, number: signal.Signals) -> None:
    """SIGQUIT is its immediate shutdown; a session is open in both cases."""
    execute(postgres, "CREATE TABLE kept AS SELECT 42 AS value", "CHECKPOINT")
    assert postgres.process is not None
    with psycopg.connect(postgres.url):
        postgres.process.send_signal(number)
        postgres.process.wait()
        postgres.start()
    assert fetch_one(postgres, "SELECT value FROM kept") == (42,)


def test_postgres_starts_over_a_pid_file_that_names_a_stranger(postgres: Postgres) -> None:
    """After a restart of a container, the old process id often belongs to another program."""
    postgres.stop()
    (postgres.folder / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.folder}\n")
    postgres.start()
    assert fetch_one(postgres, "SELECT 1") == (1,)


def test_postgres_listens_on_its_private_socket_alone(postgres: Postgres) -> None:
    assert fetch_one(postgres, "SHOW listen_addresses") == ("",)
    assert postgres.sockets.stat().st_mode & 0o077 == 0
    assert postgres.folder.stat().st_mode & 0o077 == 0


def test_postgres_does_not_run_as_root_and_opens_no_folder_above(postgres: Postgres, tmp_path: Path) -> None:
    assert postgres.process is not None
    assert 0 not in psutil.Process(postgres.process.pid).uids()
    assert tmp_path.parent.stat().st_mode & 0o077 == 0


def test_postgres_says_why_it_did_not_start(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "pg", tmp_path / "s", tmp_path / "pg.log", durable=False)
    server.start()
    server.stop()
    with (tmp_path / "pg" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(CouldNotStart, match="no_such_setting"):
        server.start()


def test_valkey_keeps_what_it_acknowledged_over_a_restart(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "yes")
    url = valkey.url
    valkey.stop()
    valkey.start()
    assert valkey.url == url
    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("kept") == b"yes"


def test_valkey_evicts_nothing_and_refuses_a_stranger(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
    with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_valkey_has_no_address_before_its_start(tmp_path: Path) -> None:
    with pytest.raises(CouldNotStart):
        _ = Valkey(tmp_path / "valkey", tmp_path / "valkey.log").url


def test_a_killed_parent_takes_both_with_it_and_the_next_start_recovers(tmp_path: Path) -> None:
    script = f"""
        import time
        from pathlib import Path
        from webapp.supervisor.postgres import Postgres
        from webapp.supervisor.valkey import Valkey
        folder = Path({str(tmp_path)!r})
        postgres = Postgres(folder / "pg", folder / "s", folder / "pg.log")
        valkey = Valkey(folder / "valkey", folder / "valkey.log")
        postgres.start(), valkey.start()
        print(postgres.process.pid, valkey.process.pid, flush=True)
        time.sleep(600)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    servers = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # At once, while the old ones may still be on their way out.
    postgres = Postgres(tmp_path / "pg", tmp_path / "s", tmp_path / "pg.log", durable=False)
    valkey = Valkey(tmp_path / "valkey", tmp_path / "valkey.log")
    postgres.start()
    valkey.start()
    assert fetch_one(postgres, "SELECT 1") == (1,)
    assert all(has_ended(server) for server in servers)
    postgres.kill()
    valkey.kill()


def has_ended(process: psutil.Process) -> bool:
    """True once the process has ended, be its end noticed by its new parent or not."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False
