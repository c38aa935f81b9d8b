"""The stations' route answers as Django does: status, headers and bytes, for good, odd and hostile requests."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import signals
from django.core.cache import cache
from django.db import OperationalError, close_old_connections, connection

from inspection.api import throttles
from inspection.images import thumbnail_queue
from inspection.intake import admission, intake
from inspection.models import Inspection, Product, Station, StationKey
from inspection.products.products import create_product
from inspection.products.stations import create_station, issue_key, revoke_key
from tests.inspection.forms import BOUNDARY, Part, file_field, form_body, image_field, text_field
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion
from tests.webapp.server.test_http_entry import Client
from webapp.server import station_route
from webapp.server.station_route import answer_station_post

pytestmark = pytest.mark.django_db
POST, PREDICT = "/api/v1/inspections/", "/predict"
Headers = dict[str, str]
Answer = tuple[int, dict[str, str], Any]
# What differs between two answers to equal requests
_CHANGING = re.compile(rb'"(?:id|received_at)":"[^"]*"')


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.MEDIA_ROOT, settings.VERSIONS_DIR = tmp_path / "media", tmp_path / "versions"
    cache.clear()
    yield
    cache.clear()
    thumbnail_queue.background_thumbnails.drain()


@pytest.fixture(autouse=True)
def within_the_transaction_of_the_test(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let requests keep the test's connection, as Django's own test client does."""
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        yield
        return
    monkeypatch.setattr(station_route, "close_old_connections", lambda: None)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@pytest.fixture
def station(db: None) -> Station:
    return create_station(create_product("phone-case"), "line-1")[0]


@pytest.fixture
def key(station: Station) -> str:
    return issue_key(station)


def head(key: str, body: bytes, **changed: str | None) -> Headers:
    """The headers of a station's request, named as in WSGI; None leaves a header out."""
    usual = {
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_USER_AGENT": "camera/1",
        "HTTP_ACCEPT": "*/*",
        "HTTP_AUTHORIZATION": f"Api-Key {key}",
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(body)),
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}


def by_django(path: str, headers: Headers, body: bytes) -> Answer:
    from webapp.wsgi import application

    started: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {
        **headers,
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    answer = application(environ, lambda status, names, *_: started.append((status, names)))
    content = b"".join(answer)
    answer.close()
    [(status, names)] = started
    return _comparable(int(status[:3]), names, content)


def by_route(path: str, headers: Headers, body: bytes) -> Answer:
    answer = answer_station_post("POST", path, "", headers, io.BytesIO(body))
    assert answer is not None, "The route left the request to Django."
    assert isinstance(answer.body, bytes)
    return _comparable(answer.status, list(answer.headers), answer.body)


def _comparable(status: int, headers: list[tuple[str, str]], content: bytes) -> Answer:
    names = dict(headers)
    assert len(names) == len(headers) and names["Content-Length"] == str(len(content))
    timing = names.get("Server-Timing", "")
    csp = names.get("Content-Security-Policy", "")
    steps = re.sub(r"dur=[\d.]+", "", timing)
    return (
        status,
        names | {"Server-Timing": steps, "Content-Security-Policy": str(sorted(csp.split("; ")))},
        (_CHANGING.sub(b"", content)),
    )


def assert_equal_answers(path: str, headers: Headers, body: bytes) -> Answer:
    """Send the request both ways, with an idempotency key of its own each if it has one."""

    def named(way: str) -> Headers:
        sent = headers.get("HTTP_IDEMPOTENCY_KEY")
        return headers if not sent or sent.startswith("fixed") else headers | {"HTTP_IDEMPOTENCY_KEY": f"{sent}-{way}"}

    expected = by_django(path, named("django"), body)
    assert by_route(path, named("route"), body) == expected
    return expected


IMAGE = image_field()
FORMS: dict[str, tuple[int, tuple[Part, ...]]] = {
    "an image": (201, (IMAGE,)),
    "all fields": (
        201,
        (
            IMAGE,
            text_field("part_id", "A-1 ä"),
            text_field("captured_at", "2026-01-01T02:03:04+05:30"),
            text_field("metadata", '{"lot": [7, 1.5, null], "x": "ü"}'),
        ),
    ),
    "fields as files": (201, (file_field("metadata", '{"lot": 7}'), IMAGE)),
    "an empty time": (201, (IMAGE, text_field("captured_at", ""))),
    "a name in Latin-1": (201, (image_field(b'filename="Pr\xfcf.jpg"'),)),
    "no file": (400, (text_field("part_id", "A-1"),)),
    "no parts": (400, ()),
    "a file without a name": (400, (text_field("file", jpeg()),)),
    "two images": (400, (IMAGE, IMAGE)),
    "an unknown field": (400, (IMAGE, text_field("partId", "A-1"))),
    "a wrong time": (400, (IMAGE, text_field("captured_at", "yesterday"))),
    "metadata that is a list": (400, (IMAGE, text_field("metadata", "[]"))),
    "metadata that is no JSON": (400, (IMAGE, text_field("metadata", "{"))),
    "a part id of two lines": (400, (IMAGE, text_field("part_id", "A\n1"))),
    "a part id with NUL": (400, (IMAGE, text_field("part_id", "A\x001"))),
    "a field twice": (400, (IMAGE, text_field("part_id", "A"), text_field("part_id", "B"))),
    "text that is not UTF-8": (400, (IMAGE, text_field("part_id", b"\xff\xfe"))),
    "wrong base64": (
        400,
        ((b'Content-Disposition: form-data; name="part_id"\r\nContent-Transfer-Encoding: base64', b"A"),),
    ),
    "a head without an end": (400, ((b'Content-Disposition: form-data; name="file"' + b" " * 5000, b""),)),
    "no image": (415, (image_field(content=b"hello"),)),
    "an empty image": (400, (image_field(content=b""),)),
    "half an image": (400, (image_field(content=jpeg()[:300]),)),
    "a damaged image": (201, (image_field(content=jpeg()[:-40] + b"\x00" * 38 + b"\xff\xd9"),)),
}


@pytest.mark.parametrize("path", [POST, PREDICT])
@pytest.mark.parametrize("name", FORMS)
def test_every_form_gets_the_answer_that_django_gives(key: str, path: str, name: str) -> None:
    status, parts = FORMS[name]
    body = form_body(parts)
    answered, headers, content = assert_equal_answers(path, head(key, body), body)
    if path == POST:
        assert answered == status, content
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "private, no-store"


GOOD = form_body([IMAGE])
HEADS: dict[str, tuple[int, Headers]] = {
    "a wrong key": (401, {"HTTP_AUTHORIZATION": f"Api-Key {'a' * 8}.{'b' * 32}"}),
    "no key": (401, {"HTTP_AUTHORIZATION": "Api-Key "}),
    "half a key": (401, {"HTTP_AUTHORIZATION": "Api-Key abc"}),
    "two keys": (401, {"HTTP_AUTHORIZATION": "Api-Key a b"}),
    "an idempotency key": (201, {"HTTP_IDEMPOTENCY_KEY": "k-1"}),
    "an idempotency key with spaces": (400, {"HTTP_IDEMPOTENCY_KEY": "fixed k"}),
    "an idempotency key that is too long": (400, {"HTTP_IDEMPOTENCY_KEY": "k" * 201}),
    "a boundary in quotes": (201, {"CONTENT_TYPE": f'multipart/form-data;boundary="{BOUNDARY}"'}),
    "another boundary": (400, {"CONTENT_TYPE": "multipart/form-data; boundary=other"}),
    "a media type in capitals": (201, {"CONTENT_TYPE": f"Multipart/Form-Data; boundary={BOUNDARY}"}),
    "an odd Accept": (201, {"HTTP_ACCEPT": "text/html;q=0.9, image/*"}),
    "an empty Accept": (201, {"HTTP_ACCEPT": ""}),
    "a request id and a proxy": (201, {"HTTP_X_REQUEST_ID": "7", "HTTP_X_FORWARDED_FOR": "10.0.0.7"}),
    "Expect": (201, {"HTTP_EXPECT": "100-continue"}),
    "no body": (400, {"CONTENT_LENGTH": "0"}),
    "a body that is declared too long": (413, {"CONTENT_LENGTH": "99999999999"}),
    "a body that is shorter than declared": (201, {"CONTENT_LENGTH": str(len(GOOD) + 100)}),
}


@pytest.mark.parametrize("path", [POST, PREDICT])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_gets_the_answer_that_django_gives(key: str, path: str, name: str) -> None:
    status, changed = HEADS[name]
    answered, _, content = assert_equal_answers(path, head(key, GOOD, **changed), GOOD)
    assert answered == (200 if (status, path) == (201, PREDICT) else status), content


LEFT: dict[str, Headers] = {
    "a person's token": {"HTTP_AUTHORIZATION": "Token abc"},
    "no credentials": {"HTTP_AUTHORIZATION": ""},
    "a cookie": {"HTTP_COOKIE": "sessionid=1"},
    "a language": {"HTTP_ACCEPT_LANGUAGE": "de"},
    "an unknown host": {"HTTP_HOST": "evil.example"},
    "no host": {"HTTP_HOST": ""},
    "a control character": {"HTTP_X_NOTE": "a\x07"},
    "a letter outside ASCII": {"HTTP_X_NOTE": "\xfc"},
    "JSON": {"CONTENT_TYPE": "application/json"},
    "no content type": {"CONTENT_TYPE": ""},
    "no boundary": {"CONTENT_TYPE": "multipart/form-data; x=y"},
    "a boundary that is too long": {"CONTENT_TYPE": "multipart/form-data; boundary=" + "b" * 71},
    "another charset": {"CONTENT_TYPE": f"multipart/form-data; charset=utf-16; boundary={BOUNDARY}"},
    "a compressed body": {"HTTP_CONTENT_ENCODING": "gzip"},
    "a chunked body": {"HTTP_TRANSFER_ENCODING": "chunked"},
    "indented JSON": {"HTTP_ACCEPT": "application/json; indent=4"},
}


@pytest.mark.parametrize("name", LEFT)
def test_it_leaves_requests_with_rules_of_their_own_to_django(key: str, name: str) -> None:
    body = io.BytesIO(GOOD)
    assert answer_station_post("POST", POST, "", head(key, GOOD, **LEFT[name]), body) is None
    assert body.tell() == 0 and not Inspection.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", POST, ""),
        ("PUT", POST, ""),
        ("POST", f"{POST}batch/", ""),
        ("POST", POST[:-1], ""),
        ("POST", POST, "a=b"),
    ],
)
def test_it_leaves_other_addresses_and_methods_to_django(key: str, method: str, path: str, query: str) -> None:
    assert answer_station_post(method, path, query, head(key, GOOD), io.BytesIO(GOOD)) is None


def test_with_https_it_takes_only_what_came_by_tls(key: str, settings: Any) -> None:
    settings.HTTPS = True
    assert answer_station_post("POST", POST, "", head(key, GOOD), io.BytesIO(GOOD)) is None


def test_a_repeated_request_gets_the_first_answer_from_either(key: str) -> None:
    headers = head(key, GOOD, HTTP_IDEMPOTENCY_KEY="fixed-1")
    first = by_route(POST, headers, GOOD)
    again = assert_equal_answers(POST, headers, GOOD)
    assert (again[0], again[2], again[1]["Idempotency-Replayed"]) == (201, first[2], "true")
    assert Inspection.objects.count() == 1
    other = form_body([image_field(content=jpeg(90))])
    assert assert_equal_answers(POST, head(key, other, HTTP_IDEMPOTENCY_KEY="fixed-1"), other)[0] == 422


def test_a_part_that_is_being_scored_is_answered_409(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = head(key, GOOD, HTTP_IDEMPOTENCY_KEY="fixed-1")
    by_route(POST, headers, GOOD)
    monkeypatch.setattr(intake, "_resume_scoring", lambda part: part)
    monkeypatch.setattr(intake.Inspection, "State", type("Waiting", (), {"PENDING": "decided"}))
    answer = assert_equal_answers(POST, headers, GOOD)
    assert (answer[0], answer[1]["Retry-After"]) == (409, "1")


def test_a_revoked_key_stops_at_once(key: str) -> None:
    assert by_route(POST, head(key, GOOD), GOOD)[0] == 201
    revoke_key(StationKey.objects.get(prefix=key.partition(".")[0]))
    answer = assert_equal_answers(POST, head(key, GOOD), GOOD)
    assert (answer[0], answer[1]["WWW-Authenticate"]) == (401, "Api-Key")


def test_a_changed_station_applies_to_the_next_image(key: str, station: Station) -> None:
    assert by_route(POST, head(key, GOOD), GOOD)[0] == 201
    Station.objects.filter(pk=station.pk).update(roi="9000,0,10,10")
    assert assert_equal_answers(POST, head(key, GOOD), GOOD)[0] == 400


def test_too_many_requests_are_answered_429(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttles.StationThrottle, "THROTTLE_RATES", {"station": "1/hour"})
    assert by_route(POST, head(key, GOOD), GOOD)[0] == 201
    status, headers, _ = by_route(POST, head(key, GOOD), GOOD)
    expected = by_django(POST, head(key, GOOD), GOOD)
    wait, other = int(headers.pop("Retry-After")), int(expected[1].pop("Retry-After"))
    assert status == expected[0] == 429 and 0 <= wait - other <= 5
    assert headers | {"Content-Length": ""} == expected[1] | {"Content-Length": ""}


def test_too_many_waiting_requests_are_answered_503(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "intake_admission", busy := admission.Admission(1, 0, 0.1))
    with busy.acquire():
        answer = assert_equal_answers(POST, head(key, GOOD), GOOD)
    assert (answer[0], json.loads(answer[2])["code"]) == (503, "overloaded")
    assert answer[1]["Retry-After"]


@pytest.mark.django_db(transaction=True)
def test_a_waiting_part_is_reviewed_by_its_deadline(
    key: str, station: Station, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version(station.product, champion=True)
    Product.objects.update(deadline_ms=300, deadline_action="review")
    monkeypatch.setattr(admission, "intake_admission", busy := admission.Admission(1, 5, 30))
    with busy.acquire():
        status, _, content = by_route(POST, head(key, GOOD), GOOD)
        refused = by_route(POST, head("AAAAAAAA." + "b" * 32, GOOD), GOOD)
    assert (status, refused[0]) == (201, 401)
    assert b'"reasons":["deadline"]' in content
    assert Inspection.objects.get().scoring_deferred


def test_a_full_disk_is_answered_507(key: str, settings: Any) -> None:
    settings.MIN_FREE_DISK_BYTES = 1 << 60
    assert assert_equal_answers(POST, head(key, GOOD), GOOD)[0] == 507


@pytest.mark.parametrize(("error", "status"), [(OperationalError("db-7"), 503), (RuntimeError("secret"), 500)])
def test_faults_are_answered_and_logged_as_django_does(
    key: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, status: int
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(intake, "receive", fail)
    logged: list[list[tuple[int, str, bool]]] = []

    def records(send: Callable[[str, Headers, bytes], Answer]) -> Answer:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            answer = send(POST, head(key, GOOD), GOOD)
        logged.append([(line.levelno, line.getMessage(), bool(line.exc_info)) for line in caplog.records])
        return answer

    assert records(by_route) == records(by_django)
    assert logged[0] == logged[1] and str(error) not in str(by_route(POST, head(key, GOOD), GOOD))
    assert by_route(POST, head(key, GOOD), GOOD)[0] == status


def test_refusals_are_logged_as_django_does(key: str, caplog: pytest.LogCaptureFixture) -> None:
    headers = head(key, GOOD, HTTP_IDEMPOTENCY_KEY="fixed k")
    by_django(POST, headers, GOOD)
    by_route(POST, headers, GOOD)
    texts = [line.getMessage() for line in caplog.records if line.name == "django.request"]
    assert texts == ["Bad Request: /api/v1/inspections/"] * 2


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_answers_keeps_no_connection(key: str) -> None:
    open_after: list[bool] = []

    def answer() -> None:
        connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": 0}
        assert by_route(POST, head(key, GOOD), GOOD)[0] == 201
        open_after.append(connection.connection is not None)

    thread = threading.Thread(target=answer)
    thread.start()
    thread.join()
    assert open_after == [False]


@pytest.mark.django_db(transaction=True)
def test_the_web_server_asks_the_route_first_and_else_django(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from webapp.asgi import application

    taken: list[bool] = []

    def note(*request: Any) -> Any:
        answer = answer_station_post(*request)
        taken.append(answer is not None)
        return answer

    monkeypatch.setattr(station_route, "answer_station_post", note)
    sent = {name.removeprefix("HTTP_").replace("_", "-").lower(): value for name, value in head(key, GOOD).items()}
    statuses: list[int] = []
    for more in ({}, {"cookie": "a=b"}):
        headers = [(name.encode(), value.encode()) for name, value in (sent | more).items()]
        client = Client(application, GOOD, path=POST, raw_path=POST.encode(), headers=headers)
        statuses.append(client.ask()[0])

    assert (statuses, taken) == ([201, 201], [True, False])
