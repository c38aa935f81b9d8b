"""Bytes that are no request: each connection is answered or closed, and the site goes on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from inspection.models import Inspection
from tests.inspection.sample_images import jpeg
from tests.pages.web_server import WebServer
from tests.stress import stress_count
from tests.webapp.raw_http import connect, open_connections, send_and_read_all
from tests.webapp.server.test_web_server import answer_on, key_of, request_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

HOST = b"Host: localhost\r\n"
# By name: bytes that end (the server has to close), or that wait for more (the client closes)
ENDED = {
    "a method in small letters": b"get / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100f8010000f40303") + bytes(range(200)) + b"\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
    "NUL in the address": b"GET /\x00 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "a bare line feed among headers": b"GET / HTTP/1.1\r\nHost: x\nConnection: close\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    "headers of a megabyte": b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "a hundred thousand headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000 + b"\r\n",
    "a chunk's length that is none": b"POST /predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk longer than it says": b"POST /api/v1/inspections/ HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a negative length": b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
    "two lengths": b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a length of 5,000 digits": b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "a length in words": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: ten\r\n\r\n",
    "an unknown coding": b"POST /predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: rot13\r\n\r\n",
    "an address that is half an IPv6 one": b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "an absolute address of nonsense": b"GET http://a:b@c:d:e/../%zz?#%00 HTTP/1.1\r\nConnection: close\r\n\r\n",
    "a star": b"GET * HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "a tunnel": b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
    "a version to come": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "no protocol at all": b"\xff\xfe\xfd\r\n\r\n",
    "a header that goes on before it began": b"GET / HTTP/1.1\r\n X: y\r\n\r\n",
    "a bad request before a good one": b"get / HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
}
WAITING = {
    "only line feeds": b"GET / HTTP/1.1\nHost: x\n\n",
    "a short body": b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nabc",
    "a chunk without an end": b"POST /predict HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nfff\r\nab",
    "half a header": b"GET / HTTP/1.1\r\nHo",
    "nothing": b"",
}
REQUESTS = stress_count(400, 2000)
# Of these so many of each kind that waits
EACH = stress_count(10, 50)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """The web server with its two processes."""
    monkeypatch.setenv("WEB_WORKERS", "2")
    running = WebServer(tmp_path / "media", tmp_path / "web.log")
    running.start()
    yield running
    running.stop()


def web_processes(server: WebServer) -> set[int]:
    """Process ids of the parent and its workers."""
    return {server.pid, *(child.pid for child in psutil.Process(server.pid).children())}


def test_two_thousand_of_them_leave_the_site_up(server: WebServer) -> None:
    key, before = key_of(), web_processes(server)

    def send(data: bytes) -> bytes:
        return send_and_read_all(server.port, data)

    def begin(data: bytes) -> None:
        with closing(connect(server.port)) as connection:
            connection.sendall(data)

    ended = list(itertools.islice(itertools.cycle(ENDED.items()), REQUESTS - EACH * len(WAITING)))
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(send, (data for _, data in ended)))
        list(clients.map(begin, [*WAITING.values()] * EACH))

    for (name, _), answer in zip(ended, answers, strict=True):
        # A client that still sends when its connection is closed may read nothing.
        assert not answer or answer.startswith(b"HTTP/1."), name
        assert b" 500 " not in answer[:16], name
    assert send(ENDED["a method in small letters"]).startswith(b"HTTP/1.1 400")
    begun = time.perf_counter()
    for _ in range(4):
        with closing(connect(server.port)) as station:
            station.sendall(request_of(key, jpeg()))
            assert answer_on(station)[0] == 201
    assert time.perf_counter() - begun < 10
    assert Inspection.objects.count() == 4
    assert web_processes(server) == before, "No process was lost by them"
    assert eventually_none(lambda: open_connections(before, server.port))


def eventually_none(states: Callable[[], list[str]], seconds: float = 5.0) -> bool:
    """Return True once there are no connections left, False with their states printed when time is up."""
    end = time.monotonic() + seconds
    while left := states():
        if time.monotonic() > end:
            print(left)
            return False
        threading.Event().wait(0.1)
    return True
