"""A PostgreSQL that hangs, restarts or holds a lock: requests are answered 503 in time, and served again afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest
from django.db import connection

from tests.inspection.sample_images import jpeg
from tests.pages.web_server import WebServer
from tests.webapp.raw_http import Head, Reader, connect
from tests.webapp.server.test_web_server import key_of, request_of
from webapp.config import database
from webapp.supervisor.embedded_programs import program_path
from webapp.supervisor.postgres import Postgres

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: sessionid=abcdefgh12345678\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# Two turns after each other, of five seconds
LONGEST = 15.0


@pytest.fixture
def upload() -> bytes:
    """A station's request with an image; its station is in the test's database."""
    return request_of(key_of(), jpeg())


@pytest.fixture
def postgres(upload: bytes, tmp_path: Path) -> Iterator[Postgres]:
    """A server of this test's own, with a copy of the test's database."""
    server = Postgres(tmp_path / "pg", tmp_path / "s", tmp_path / "pg.log", durable=False)
    server.start()
    source = os.environ["DATABASE_URL"].replace("/second_look", f"/{connection.settings_dict['NAME']}")
    dump = [str(program_path("pg_dump", other_user=False)), "--no-owner", source]
    restore = [str(program_path("psql", other_user=False)), "--quiet", "--set", "ON_ERROR_STOP=1", server.url]
    dumped = subprocess.run(dump, capture_output=True, check=True)
    subprocess.run(restore, input=dumped.stdout, stdout=subprocess.DEVNULL, check=True)
    yield server
    server.kill()


@pytest.fixture
def site(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """The web server on that server, with short bounds."""
    limits = {"WEB_WORKERS": "1", "DATABASE_STATEMENT_SECONDS": "2", "DATABASE_LOCK_SECONDS": "1"}
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    running = WebServer(tmp_path / "media", tmp_path / "web.log", postgres.url)
    running.start()
    yield running
    running.stop()


def send_request(site: WebServer, request: bytes) -> tuple[Head, float]:
    """Send a request; return its answer's head and how long that took."""
    begun = time.monotonic()
    with closing(connect(site.port, 30)) as client:
        client.sendall(request)
        return Reader(client).head(), time.monotonic() - begun


def ask_all(site: WebServer, requests: list[bytes]) -> list[tuple[Head, float]]:
    """Send requests at the same time."""
    with ThreadPoolExecutor(len(requests)) as clients:
        return list(clients.map(lambda request: send_request(site, request), requests))


@contextmanager
def stop_processes(server: Postgres) -> Iterator[None]:
    """Stop all processes of a server as a hung machine would."""
    assert server.process is not None
    parent = psutil.Process(server.process.pid)
    family = [parent, *parent.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)


def answers_again(site: WebServer, upload: bytes) -> bool:
    """Return True once an upload is taken, within 20 seconds."""
    end = time.monotonic() + 20
    while send_request(site, upload)[0].status != 201:
        if time.monotonic() > end:
            return False
    return True


def test_requests_are_refused_in_time_while_the_server_hangs(
    site: WebServer, postgres: Postgres, upload: bytes
) -> None:
    assert [head.status for head, _ in ask_all(site, [upload] * 3)] == [201] * 3
    with stop_processes(postgres):
        for head, seconds in ask_all(site, [upload] * 6):
            assert (head.status, head.headers["retry-after"]) == (503, "5")
            assert seconds < LONGEST
        head, seconds = send_request(site, HEALTH)
        assert head.status == 200 and seconds < 2
    assert answers_again(site, upload)


def test_the_first_request_after_a_restart_is_served(site: WebServer, postgres: Postgres, upload: bytes) -> None:
    # Each thread leaves a connection in the pool.
    assert {head.status for head, _ in ask_all(site, [upload] * 24)} == {201}
    postgres.kill()
    postgres.start()

    for head, seconds in ask_all(site, [upload] * 4):
        assert head.status == 201
        assert seconds < 2


def test_requests_are_served_soon_after_a_long_stop(site: WebServer, postgres: Postgres, upload: bytes) -> None:
    assert send_request(site, upload)[0].status == 201
    postgres.kill()
    end = time.monotonic() + 16
    while time.monotonic() < end:
        assert send_request(site, upload)[0].status == 503
    postgres.start()

    begun = time.monotonic()
    assert answers_again(site, upload)
    assert time.monotonic() - begun < 4


def test_requests_are_refused_in_time_while_a_lock_is_held(site: WebServer, postgres: Postgres, upload: bytes) -> None:
    assert send_request(site, upload)[0].status == 201
    with psycopg.connect(postgres.url) as other:
        other.execute("LOCK TABLE inspection_inspection, django_session IN ACCESS EXCLUSIVE MODE")
        for head, seconds in ask_all(site, [upload, upload, PAGE]):
            assert (head.status, head.headers["retry-after"]) == (503, "5")
            assert seconds < LONGEST
    assert send_request(site, upload)[0].status == 201
    assert send_request(site, PAGE)[0].status == 302


def test_workers_have_no_such_bounds() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout'), current_setting('lock_timeout')")
        assert cursor.fetchone() == ("0", "0")


def test_the_address_keeps_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "from webapp import settings; print(settings.DATABASES['default']['OPTIONS']['options'])"
    own = f"postgres:///x?host=/nowhere&options={quote('-c search_path=plant')}"
    environment = os.environ | {"DATABASE_URL": own, "DATABASE_STATEMENT_SECONDS": "7", "DATABASE_LOCK_SECONDS": "3"}
    printed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == "-c search_path=plant -c statement_timeout=7s -c lock_timeout=3s"


def test_the_client_waits_little_longer_than_the_statement_may_take() -> None:
    longest = database.bounded_connection_class(3.0).max_seconds
    assert longest == 3.0 + database.GRACE_SECONDS
