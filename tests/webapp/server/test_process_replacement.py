"""Web processes that end, in order or not: others take their place, and no request is lost on the way."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.loop.site import wait_for
from tests.pages.web_server import WebServer
from tests.webapp.raw_http import connect
from tests.webapp.server.test_web_server import Start
from tests.webapp.server.test_web_server import start as start
from webapp.server.process_memory import MAX_CHECKS_OVER, MemoryWatch

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow(15)]
CLIENTS = 4
PAGE = b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=abcdefgh12345678\r\n\r\n"


def workers(server: WebServer) -> set[int]:
    """Process ids of the processes that serve."""
    return {child.pid for child in psutil.Process(server.pid).children() if child.status() != psutil.STATUS_ZOMBIE}


@contextmanager
def asking(server: WebServer, *, keep_alive: bool) -> Iterator[list[int]]:
    """Ask by several clients at once; the statuses of all answers are complete after the block.

    With ``keep_alive`` a client asks on one connection, on a new one only where the server said that it closes.
    """
    over, statuses, errors = threading.Event(), list[int](), list[Exception]()

    def client() -> None:
        connection = http.client.HTTPConnection("localhost", server.port, timeout=60)
        try:
            while not over.wait(0.01):
                connection.request("GET", "/healthz", headers={} if keep_alive else {"Connection": "close"})
                with connection.getresponse() as answer:
                    answer.read()
                    statuses.append(answer.status)
        except (OSError, http.client.HTTPException) as error:
            errors.append(error)
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    try:
        yield statuses
    finally:
        over.set()
        for one in clients:
            one.join()
    assert errors == [] and len(statuses) > CLIENTS and set(statuses) == {200}


def replaced(server: WebServer, first: set[int]) -> Callable[[], bool]:
    """Return a function that tells if none of the first processes serves, but as many others."""
    return lambda: not first & workers(server) and len(workers(server)) == len(first)


def test_no_request_is_lost_while_processes_with_much_memory_are_replaced(start: Start) -> None:
    server = start(WEB_WORKERS="2", WEB_MEMORY_MB="100")
    first = workers(server)
    with asking(server, keep_alive=True):
        wait_for("fresh processes", lambda: not first & workers(server))


def test_no_request_is_lost_while_processes_are_replaced_on_demand(start: Start) -> None:
    server = start(WEB_WORKERS="2")
    first = workers(server)
    with asking(server, keep_alive=False):
        os.kill(server.pid, signal.SIGHUP)
        wait_for("fresh processes", replaced(server, first))


def test_killed_processes_are_replaced_and_their_counts_stay(start: Start) -> None:
    server = start(WEB_WORKERS="2")
    with asking(server, keep_alive=False) as statuses:
        wait_for("counted requests", lambda: len(statuses) > 20)
    first = workers(server)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    wait_for("other processes", replaced(server, first))
    wait_for("their answers", lambda: counted_requests(server) >= len(statuses))


def counted_requests(server: WebServer) -> float:
    """Return the number of requests for /healthz that the metrics show; 0 while nothing answers."""
    connection = http.client.HTTPConnection("localhost", server.port, timeout=10)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    except (OSError, http.client.HTTPException):
        return 0
    name = 'second_look_http_request_seconds_count{method="GET",status="200",view="healthz"}'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_processes_end_when_their_parent_was_killed(start: Start, tmp_path: Path) -> None:
    server = WebServer(tmp_path / "media", tmp_path / "orphans.log")
    server.start()  # one of the two may still be starting
    processes = [psutil.Process(pid) for pid in workers(server)]
    psutil.Process(server.pid).kill()
    assert psutil.wait_procs(processes, timeout=60)[1] == []


def test_a_process_that_answers_nothing_is_replaced(start: Start, tmp_path: Path) -> None:
    server = start(WEB_TIMEOUT="4", DATABASE_STATEMENT_SECONDS="0", DATABASE_LOCK_SECONDS="0")
    first = workers(server)
    with psycopg.connect(server.database, autocommit=False) as other:
        other.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        with closing(connect(server.port)) as one:
            one.sendall(PAGE)
            threading.Event().wait(6)
            assert workers(server) == first, "One thread that waits is no standstill"
        clients = [connect(server.port) for _ in range(4)]
        for client in clients:
            client.sendall(PAGE)
        wait_for("another process", replaced(server, first))
        for client in clients:
            client.close()
    assert "Timeout (0:00:04)!" in (tmp_path / "web.log").read_text(), "The stacks are in the log"
    wait_for("it to answer", lambda: counted_requests(server))


def test_a_process_is_over_its_limit_after_several_looks_in_a_row() -> None:
    taken = psutil.Process().memory_info().rss
    watch = MemoryWatch(taken // 2, check_seconds=0.0)
    assert [watch.is_over(loaded_bytes=0) for _ in range(MAX_CHECKS_OVER)] == [False] * (MAX_CHECKS_OVER - 1) + [True]
    assert not watch.is_over(loaded_bytes=taken), "Loaded versions don't count"
    assert not watch.is_over(loaded_bytes=0), "It counts anew"
    assert not MemoryWatch(2 * taken, check_seconds=0.0).is_over(loaded_bytes=0)
    assert not MemoryWatch(1).is_over(loaded_bytes=0), "It looks from time to time"
