"""A web process that retires: another takes its place, and no request is lost on the way."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.loop.site import wait_for
from tests.pages.web_server import WebServer
from webapp.server.process_memory import MAX_CHECKS_OVER, MemoryWatch

CLIENTS, EACH = 4, 30


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """The web server, whose two processes retire after 50 requests."""
    monkeypatch.setenv("WEB_WORKERS", "2")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--max-requests 50 --max-requests-jitter 0")
    running = WebServer(tmp_path / "media", tmp_path / "gunicorn.log")
    running.start()
    yield running
    running.stop()


def workers(server: WebServer) -> set[int]:
    """Process ids of the web server's workers."""
    return {child.pid for child in psutil.Process(server.pid).children()}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_no_request_is_lost_while_processes_retire(server: WebServer) -> None:
    first = workers(server)

    def client(_: int) -> list[int]:
        """Ask on one connection, a new one only where the server said that it closes."""
        connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
        statuses = []
        for _number in range(EACH):
            connection.request("GET", "/healthz")
            with connection.getresponse() as answer:
                answer.read()
                statuses.append(answer.status)
        connection.close()
        return statuses

    with ThreadPoolExecutor(CLIENTS) as clients:
        statuses = [status for found in clients.map(client, range(CLIENTS)) for status in found]
    assert statuses == [200] * (CLIENTS * EACH)
    wait_for("fresh processes", lambda: not first & workers(server) and len(workers(server)) == 2)


def test_a_process_is_over_its_limit_after_several_looks_in_a_row() -> None:
    taken = psutil.Process().memory_info().rss
    watch = MemoryWatch(taken // 2, check_seconds=0.0)
    assert [watch.is_over(loaded_bytes=0) for _ in range(MAX_CHECKS_OVER)] == [False] * (MAX_CHECKS_OVER - 1) + [True]
    assert not watch.is_over(loaded_bytes=taken), "Loaded versions don't count"
    assert not watch.is_over(loaded_bytes=0), "It counts anew"
    assert not MemoryWatch(2 * taken, check_seconds=0.0).is_over(loaded_bytes=0)
    assert not MemoryWatch(1).is_over(loaded_bytes=0), "It looks from time to time"
