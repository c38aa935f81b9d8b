"""HEAD on every route: headers alone, and the next request on the connection is answered as if nothing had been."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from inspection.models import Inspection
from tests.inspection.sample_images import jpeg
from tests.pages.web_server import WebServer
from tests.webapp.raw_http import Reader, connect
from tests.webapp.server.test_web_server import Start, answer_on, key_of, request_of
from tests.webapp.server.test_web_server import start as start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
NEXT = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def routes(patterns: list[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """Yield all routes of the site, their parameters in angle brackets."""
    for pattern in patterns:
        route = before + str(pattern.pattern).lstrip("^").rstrip("$").replace("\\Z", "")
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def filled(route: str, part: str) -> str:
    """Return an address of the route: of the one part and product where they fit, else of what is not there."""
    route = re.sub(r"\(\?P<\w+>[^)]*\)\??", "1", route)
    route = re.sub(r"<uuid:\w+>", part, route)
    route = re.sub(r"<(slug|str):\w+>|<(product|slug|name)>", "phone-case", route)
    return re.sub(r"<[^>]*>", "1", route).replace("\\.", ".").replace("?", "")


def head_and_next(server: WebServer, path: str, more: str) -> int:
    """HEAD a path, then ask for /healthz on the same connection; return the status of the first."""
    asked = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()
    with closing(connect(server.port)) as connection:
        connection.sendall(asked + NEXT)
        reader = Reader(connection)
        head = reader.head()
        if head.headers.get("connection") == "close":
            assert reader.rest() == b"", f"{path} has a body"
        else:
            following = reader.head()
            assert following.status == 200 and "json" in following.headers["content-type"], path
        return head.status


def test_head_has_no_body_on_any_route(start: Start) -> None:
    key, server = key_of(), start()
    with closing(connect(server.port)) as station:
        station.sendall(request_of(key, jpeg()))
        assert answer_on(station)[0] == 201
    part = str(Inspection.objects.get().pk)
    people = Client()
    people.force_login(get_user_model().objects.create_superuser("root", password="a-long-password-1"))
    cookie = f"Cookie: sessionid={people.cookies['sessionid'].value}\r\n"

    paths = {filled(route, part) for route in routes(get_resolver().url_patterns)}
    image = f"/api/v1/inspections/{part}/image/"
    paths |= {image, "/static/css/pages.css", "/nowhere/", f"/api/v1/inspections/{uuid4()}/"}
    seen = {path: head_and_next(server, path, cookie) for path in sorted(paths)}
    assert len(seen) > 100
    assert {200, 302, 404, 405} <= set(seen.values())
    assert not [path for path, status in seen.items() if status >= 500 and path != "/readyz"], seen
    assert seen[image] == seen["/static/css/pages.css"] == 200, "Streamed files are among them"


def test_head_has_the_headers_of_get(start: Start) -> None:
    server = start()
    path = "/static/css/admin.css"
    length = len(Path(str(finders.find("css/admin.css"))).read_bytes())
    with closing(connect(server.port)) as connection:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 3 + NEXT)
        reader = Reader(connection)
        for _ in range(3):
            head = reader.head()
            assert head.status == 200 and head.headers["content-length"] == str(length)
        assert "json" in reader.head().headers["content-type"]


def test_what_did_not_change_comes_without_a_body(start: Start) -> None:
    server = start()
    with closing(connect(server.port)) as connection:
        connection.sendall(b"GET /static/css/admin.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        modified = Reader(connection).head().headers["last-modified"]
    with closing(connect(server.port)) as connection:
        connection.sendall(
            f"GET /static/css/admin.css HTTP/1.1\r\nHost: localhost\r\nIf-Modified-Since: {modified}\r\n\r\n".encode()
            + NEXT
        )
        reader = Reader(connection)
        assert reader.head().status == 304
        assert "json" in reader.head().headers["content-type"]
