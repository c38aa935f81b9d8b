"""The ASGI application by itself: what it reads, whom it asks, and what it sends to clients of all kinds."""

from __future__ import annotations

import ast
import asyncio
import io
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from webapp.server import http_entry, request_reading
from webapp.server.answers import Answer
from webapp.server.http_entry import HttpEntry
from webapp.server.request_reading import CompleteRequest

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]


def run_in_thread(answer: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own: once a browser test ran, the thread of the tests has a running loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, answer).result()


class Client:
    """A client of one request: what it sends, and the messages that it gets."""

    def __init__(self, entry: HttpEntry, *pieces: bytes, method: str = "POST", **scope: Any) -> None:
        self.entry, self.pieces, self.got = entry, list(pieces), list[dict[str, Any]]()
        self.gone, self.ends_early = False, False
        self.scope = {
            "type": "http", "method": method, "path": "/predict", "raw_path": b"/predict", "query_string": b"",
            "http_version": "1.1", "headers": [], "client": ("192.0.2.7", "40000"), "server": ("127.0.0.1", "8000"),
        } | scope  # fmt: skip

    async def receive(self) -> dict[str, Any]:
        """Send the next piece of the body; then wait, or leave."""
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces) or self.ends_early}
        while not (self.gone or self.ends_early):
            await asyncio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take a message of the answer."""
        self.got.append(message)

    def ask(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Return status, headers and body of the answer."""
        run_in_thread(asyncio.wait_for(self.entry(self.scope, self.receive, self.send), 20))
        start, *bodies = self.got
        return start["status"], dict(start["headers"]), b"".join(body["body"] for body in bodies)

    @property
    def is_whole(self) -> bool:
        """Return True if the last message said that nothing follows."""
        return "body" in self.got[-1] and not self.got[-1].get("more_body")


def entry_of(application: Wsgi, **more: Any) -> HttpEntry:
    options: dict[str, Any] = {"threads": 2, "max_body_bytes": 1000, "trusted_proxies": ["127.0.0.1"]}
    return HttpEntry(application, **options | more)


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(sorted(item for item in environ.items() if item[0].isupper())).encode(), environ["wsgi.input"].read()]


def file_app(file: io.BytesIO) -> Wsgi:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file)

    return application


def test_django_gets_the_whole_request() -> None:
    headers = [(b"Cookie", b"a=1"), (b"cookie", b"b=2"), (b"x_forwarded_proto", b"https"), (b"X-Y", b"\xe4")]
    scope = {"raw_path": b"/a%20b/%C3%A4", "query_string": b"q=%20", "headers": headers}
    client = Client(entry_of(echo), b"one ", b"two", **scope)
    status, _, body = client.ask()
    assert status == 200 and body.endswith(b"one two")
    seen = dict(ast.literal_eval(body.removesuffix(b"one two").decode()))
    assert seen["PATH_INFO"] == "/a b/Ã¤" and seen["QUERY_STRING"] == "q=%20"
    assert seen["HTTP_COOKIE"] == "a=1; b=2" and seen["HTTP_X_Y"] == "ä"
    assert seen["CONTENT_LENGTH"] == "7" and seen["REMOTE_ADDR"] == "192.0.2.7"
    assert "HTTP_X_FORWARDED_PROTO" not in seen, "It is the proxy's word, and this name is not the proxy's"


@pytest.mark.parametrize(("trusted", "kept"), [("192.0.2.7", True), ("*", True), ("127.0.0.1", False)])
def test_only_a_proxy_of_ours_says_that_it_came_by_tls(trusted: str, kept: bool) -> None:
    client = Client(entry_of(echo, trusted_proxies=[trusted]), b"", headers=[(b"x-forwarded-proto", b"https")])
    assert (b"HTTP_X_FORWARDED_PROTO" in client.ask()[2]) == kept


def test_a_stations_upload_is_answered_without_django_where_that_is_possible() -> None:
    def station_post(request: CompleteRequest) -> Answer | None:
        sent = request.body.read()
        return Answer(201, [("X-Found", request.path)], sent.upper()) if sent == b"part" else None

    entry = entry_of(echo, station_post=station_post)
    assert Client(entry, b"part").ask() == (201, {b"x-found": b"/predict"}, b"PART")
    assert Client(entry, b"other").ask()[2].endswith(b"other"), "Django reads it from its beginning"


def test_it_refuses_a_long_body_before_and_while_it_arrives() -> None:
    entry = entry_of(echo)
    declared = Client(entry, headers=[(b"content-length", b"1001")])
    undeclared = Client(entry, *[b"x" * 100] * 20)
    for client in (declared, undeclared):
        status, headers, body = client.ask()
        assert (status, headers[b"connection"], headers[b"content-type"]) == (413, b"close", b"application/json")
        assert b'"file_too_large"' in body
    assert len(undeclared.pieces) == 9, "It read no further"
    assert Client(entry, path="/", headers=[(b"content-length", b"1001")]).ask()[1][b"content-type"] == b"text/plain"


def test_it_refuses_a_body_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_reading, "STALL_SECONDS", 0.1)
    silent = Client(entry_of(echo))
    assert silent.ask()[0] == 408
    broken = Client(entry_of(echo), b"half")
    broken.ends_early = True
    assert broken.ask()[0] == 400


def test_a_retiring_process_ends_its_connections() -> None:
    entry = entry_of(echo)
    assert b"connection" not in Client(entry, b"").ask()[1]
    entry.retiring = True
    assert Client(entry, b"").ask()[1][b"connection"] == b"close"


def test_a_generated_answer_is_complete_before_it_is_sent() -> None:
    class Generated:
        streaming, closed = True, False

        def __iter__(self) -> Iterator[bytes]:
            yield from [b"x" * 300_000] * 4

        def close(self) -> None:
            self.closed = True

    generated = Generated()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Generated:
        start_response("200 OK", [])
        return generated

    client = Client(entry_of(application), b"")

    async def send(message: Any) -> None:
        assert generated.closed, "Its thread and its connection are free"
        client.got.append(message)

    client.send = send  # type: ignore[method-assign]
    assert client.ask()[2] == b"x" * 1_200_000 and client.is_whole
    assert max(len(message.get("body", b"")) for message in client.got) <= http_entry.PIECE_BYTES


def test_a_file_is_sent_in_pieces_and_closed() -> None:
    file = io.BytesIO(b"x" * 1_000_000)
    client = Client(entry_of(file_app(file)), b"")
    assert client.ask()[2] == b"x" * 1_000_000 and client.is_whole and file.closed
    file = io.BytesIO(b"x")
    assert Client(entry_of(file_app(file)), b"", method="HEAD").ask()[2] == b"" and file.closed


def test_it_gives_up_a_client_that_left_or_stopped_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_entry, "STALL_SECONDS", 0.1)

    async def never(message: Any) -> None:
        client.got.append(message)
        if "body" in message:
            await asyncio.sleep(20)

    async def leave(message: Any) -> None:
        client.got.append(message)
        client.gone = True
        await asyncio.sleep(0.05)

    for send in (never, leave):
        file = io.BytesIO(b"x" * 10_000_000)
        client = Client(entry_of(file_app(file)), b"")
        client.send = send  # type: ignore[method-assign]
        client.ask()
        assert file.closed and len(client.got) < 4 and not client.is_whole


def test_head_of_a_page_has_no_body() -> None:
    assert Client(entry_of(echo), b"", method="HEAD").ask()[2] == b""
