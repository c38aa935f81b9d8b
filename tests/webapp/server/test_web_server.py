"""The web server as it runs: a slow client holds no thread, refusals are JSON, and what was begun is finished."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from inspection.models import Inspection
from inspection.products.products import create_product
from inspection.products.stations import create_station
from tests.inspection.sample_images import jpeg
from tests.pages.web_server import WebServer

SLOW = 24
Start = Callable[..., WebServer]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts the web server with one process of four threads and more environment."""
    with ExitStack() as ends:

        def started(**environment: str) -> WebServer:
            for name, value in {"WEB_WORKERS": "1", "WEB_THREADS": "4", **environment}.items():
                monkeypatch.setenv(name, value)
            server = WebServer(tmp_path / "media", tmp_path / "web.log")
            server.start()
            ends.callback(server.stop)
            return server

        yield started


def request_of(key: str, image: bytes) -> bytes:
    """A whole POST of one image, as bytes on the wire."""
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="part.jpg"\r\n\r\n'
        + image
        + b"\r\n--xyz--\r\n"
    )
    head = (
        "POST /api/v1/inspections/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Api-Key {key}\r\nContent-Type: multipart/form-data; boundary=xyz\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def connect(server: WebServer) -> socket.socket:
    """A connection to it."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def answer_on(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    """Read one answer to its end: status and JSON."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    assert response.headers["Content-Type"] == "application/json"
    found: dict[str, Any] = json.loads(response.read())
    return response.status, found


def key_of() -> str:
    """A station's key."""
    return create_station(create_product("phone-case"), "line-1")[1]


def test_slow_clients_hold_no_thread_and_are_answered_in_the_end(start: Start) -> None:
    """Six times as many slow cameras as threads; a quick one is answered at once all the same, and nothing is lost."""
    key, server = key_of(), start()
    whole = request_of(key, jpeg())
    with ExitStack() as open_ones:
        slow = [open_ones.enter_context(closing(connect(server))) for _ in range(SLOW)]
        for one in slow:
            one.sendall(whole[:-200])
        time.sleep(0.5)

        begun = time.perf_counter()
        with closing(connect(server)) as quick:
            quick.sendall(whole)
            assert answer_on(quick)[0] == 201
        assert time.perf_counter() - begun < 5

        for one in slow:
            one.sendall(whole[-200:])
        answers = [answer_on(one) for one in slow]
    assert {status for status, _ in answers} == {201}
    assert Inspection.objects.count() == SLOW + 1


def test_a_client_that_reads_slowly_holds_no_thread(start: Start) -> None:
    server = start()
    with ExitStack() as open_ones:
        for _ in range(SLOW):
            one = open_ones.enter_context(closing(connect(server)))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.sendall(b"GET /static/css/admin.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
        with closing(connect(server)) as quick:
            quick.settimeout(5)
            quick.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b" 200 " in quick.recv(100)


def test_what_never_becomes_a_request_is_refused(start: Start) -> None:
    server = start(MAX_IMAGE_BYTES="1024", MAX_BATCH_BYTES="1024", MAX_VERSION_BYTES="1024")
    chunked = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    for begun, refused in (
        (b"POST /api/v1/inspections/ HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", (413, "file_too_large")),
        (chunked + b"100000\r\n" + b"x" * 0x100000 + b"\r\n800\r\n" + b"x" * 0x800, (413, "file_too_large")),
        (chunked + b"zz\r\n", (400, "invalid_request")),
        (b"post /predict HTTP/1.1\r\nContent-Length: 0\r\n\r\n", (400, "invalid_request")),
    ):
        with closing(connect(server)) as connection:
            connection.sendall(begun)
            status, body = answer_on(connection)
            assert (status, body["code"]) == refused and body["detail"], begun[:100]
            assert connection.recv(1) == b"", "It is closed"
    for begun, status in (
        (b"POST /predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b" 400 "),
        (b"POST /predict HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b" 400 "),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 500_000 + b"\r\n\r\n", b" 431 "),
    ):
        with closing(connect(server)) as connection:
            connection.sendall(begun)
            assert status in connection.recv(100), begun[:100]


def test_a_client_may_wait_for_leave_to_send_its_body(start: Start) -> None:
    key, server = key_of(), start()
    head, _, body = request_of(key, jpeg()).partition(b"\r\n\r\n")
    with closing(connect(server)) as connection:
        connection.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert answer_on(connection)[0] == 201


def test_it_logs_requests_if_told_to(start: Start, tmp_path: Path) -> None:
    start(ACCESS_LOG="1").stop()
    assert re.search(r"^127.0.0.1 GET /healthz 200 \d+ ms$", (tmp_path / "web.log").read_text(), re.MULTILINE)


def test_who_is_no_proxy_of_ours_cannot_say_that_it_came_by_tls(start: Start) -> None:
    server = start(HTTPS="1", FORWARDED_ALLOW_IPS="10.9.8.7", ALLOWED_HOSTS="localhost")
    with closing(connect(server)) as connection:
        connection.sendall(
            b"GET /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
        )
        assert b" 301 " in connection.recv(100)


def test_a_thread_keeps_no_database_connection_after_a_file(start: Start) -> None:
    key, server = key_of(), start(WEB_THREADS="12", DATABASE_POOL="2")
    with closing(connect(server)) as station:
        station.sendall(request_of(key, jpeg()))
        part = answer_on(station)[1]["id"]
    people = Client()
    people.force_login(get_user_model().objects.create_superuser("root", password="a-long-password-1"))
    cookie = {"Cookie": f"sessionid={people.cookies['sessionid'].value}"}

    def fetch(_: int) -> int:
        request = urllib.request.Request(f"{server.url}/api/v1/inspections/{part}/image/", headers=cookie)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)

    with ThreadPoolExecutor(12) as clients:
        assert set(clients.map(fetch, range(60))) == {200}


def test_what_was_begun_is_finished_when_it_is_told_to_stop(start: Start) -> None:
    key, server = key_of(), start()
    whole = request_of(key, jpeg())
    answers: list[int] = []

    def post() -> None:
        with closing(connect(server)) as connection:
            connection.sendall(whole)
            answers.append(answer_on(connection)[0])

    clients = [threading.Thread(target=post) for _ in range(6)]
    for client in clients:
        client.start()
    time.sleep(0.3)
    begun = time.perf_counter()
    server.stop()
    assert time.perf_counter() - begun < 8
    for client in clients:
        client.join(10)

    assert answers == [201] * 6 and Inspection.objects.count() == 6
