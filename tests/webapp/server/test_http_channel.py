"""The web server's connections, each case by itself, and the process that notices that it answers nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from waitress import wasyncore
from waitress.server import create_server

from tests.webapp.raw_http import Reader, connect, send_and_read_all
from webapp.server.http_channel import Channel
from webapp.server.self_probe import SelfProbe

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def serve(application: Wsgi, **more: Any) -> Iterator[tuple[Any, dict[int, Any]]]:
    """Serve an application by `Channel` in a thread; give the server and its connections."""
    connections: dict[int, Any] = {}
    server = create_server(application, map=connections, host="127.0.0.1", port=0, threads=2, **more)
    server.channel_class = Channel
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            wasyncore.loop(timeout=0.05, use_poll=True, map=connections, count=1)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield server, connections
    finally:
        over.set()
        thread.join()
        wasyncore.close_all(connections)


def constant_app(status: str, body: list[bytes]) -> Wsgi:
    """An application that always answers so, with a length only where the status allows a body."""

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/plain")])
        return body

    return application


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_it_sends_no_body_where_the_status_allows_none(status: str) -> None:
    with serve(constant_app(status, [b"body"])) as (server, _):
        answer = send_and_read_all(server.effective_port, GET)
    assert answer.startswith(f"HTTP/1.1 {status}".encode()) and answer.endswith(b"\r\n\r\n")


def test_it_sends_no_body_after_head_however_the_application_answers() -> None:
    for body in ([b"one piece"], [b"two ", b"pieces"], [], [b""]):
        with serve(constant_app("200 OK", body)) as (server, _), closing(connect(server.effective_port)) as connection:
            connection.sendall(GET.replace(b"GET", b"HEAD"))
            reader = Reader(connection)
            head = reader.head()
            assert head.status == 200
            if head.headers.get("connection") == "close":  # of an answer whose length nobody knows before its end
                assert reader.rest() == b""
                continue
            connection.sendall(GET)
            assert reader.head().status == 200


def test_it_closes_the_connection_when_answering_fails_in_an_unforeseen_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("unforeseen")

    with serve(constant_app("200 OK", [b"x"])) as (server, connections):
        monkeypatch.setattr(Channel, "task_class", fail)
        assert send_and_read_all(server.effective_port, GET) == b""
        assert not any(isinstance(one, Channel) for one in connections.values())


def test_it_gives_up_a_client_that_stopped_reading() -> None:
    ended = threading.Event()

    def endless(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.set()

    with serve(endless, channel_timeout=1) as (server, _), closing(connect(server.effective_port)) as connection:
        connection.sendall(GET)
        assert ended.wait(10), "Its thread is free again"


def test_a_process_notices_that_it_answers_nothing() -> None:
    held = threading.Event()

    def hangs(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/hang":
            held.wait(20)
        return constant_app("200 OK", [b"ok"])(environ, start_response)

    with serve(hangs) as (server, connections):
        probe = SelfProbe(server, connections, "localhost", probe_seconds=0.1)
        assert silence_after(probe, 1.0) < 0.5
        with closing(connect(server.effective_port)) as one, closing(connect(server.effective_port)) as other:
            for client in (one, other):
                client.sendall(GET.replace(b"/ ", b"/hang "))
            assert silence_after(probe, 1.5) > 0.8
        held.set()
        assert silence_after(probe, 1.0) < 0.5


def silence_after(probe: SelfProbe, seconds: float) -> float:
    """Return the last silence after so many seconds of looking."""
    end, silent = time.monotonic() + seconds, 0.0
    while time.monotonic() < end:
        silent = probe.unanswered_seconds()
        time.sleep(0.02)
    return silent
