"""Control characters and halves of surrogate pairs: 400 at every door, JSON where machines ask, a page elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from inspection.models import Inspection
from inspection.products.stations import create_station
from labeling.models import Label
from tests.inspection.sample_images import jpeg
from tests.labeling.conftest import make_part, make_product

pytestmark = pytest.mark.django_db
SESSION = "sessionid"


@pytest.fixture
def client() -> Client:
    """An admin's client that shows what a visitor sees, where the tests' own would raise."""
    make_product()
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    return client


PAGES = ["/", "/models/", "/review/", "/review/plain/", "/reviewers/", "/defect-types/", "/inspections/", "/healthz"]
PARTS_OF_PAGES = ["/dashboard/facts/", "/dashboard/lines/", "/dashboard/days/"]


@pytest.mark.parametrize("path", [f"{page}?product=%00" for page in PAGES] + [f"{p}?of=%00" for p in PARTS_OF_PAGES])
def test_it_refuses_an_address_with_nul_on_every_page(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert "U+0000" in response.content.decode()
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/models/plate%00/1/", "/static/%00", "/admin/%07/", "/?a%00=b", "/?product=a%0Ab"])
def test_it_refuses_control_characters_anywhere_in_the_address(client: Client, path: str) -> None:
    assert client.get(path).status_code == 400


@pytest.mark.parametrize("path", ["/api/v1/%00/", "/api/v1/inspections/?product=%00", "/api/schema/?lang=%1b"])
def test_machines_get_json(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert "Remove U+" in response.json()["detail"]


@pytest.mark.parametrize(
    "path", ["/review/next/", "/review/held/", "/review/release/", "/inspect/", "/theme/", "/login/"]
)
@pytest.mark.parametrize("form", [{"product": "a\0b"}, {"of": "\x1b[0m"}, {"a\0": "b"}])
def test_it_refuses_forms(client: Client, path: str, form: dict[str, str]) -> None:
    assert client.post(path, form).status_code == 400
    assert client.post(path, form, headers={"Accept-Language": "en"}, secure=False).status_code == 400


def test_it_refuses_urlencoded_forms_and_other_charsets(client: Client) -> None:
    kind = "application/x-www-form-urlencoded"
    assert client.post("/review/next/", "product=a%00b", content_type=kind).status_code == 400
    for charset in ("utf-7", "base64", "idna", "no-such-charset"):
        kind = f"multipart/form-data; boundary=x; charset={charset}"
        assert client.generic("POST", "/review/next/", b"x=1", kind).status_code == 400, charset


@pytest.mark.parametrize("kind", ["text/plain; charset=base64", "text/plain; charset=utf-7", "a/b; x*=foo''%41"])
def test_it_refuses_a_charset_that_django_fails_on(kind: str) -> None:
    from webapp.wsgi import application

    environ = RequestFactory()._base_environ(PATH_INFO="/login/", QUERY_STRING="next=%41", CONTENT_TYPE=kind)
    statuses: list[str] = []
    answer = application(environ, lambda status, _headers: statuses.append(status))  # type: ignore[arg-type]
    assert (statuses, b"UTF-8" in b"".join(answer)) == (["400 Bad Request"], True)


def test_it_refuses_a_header_and_takes_no_key_and_no_cookie(client: Client) -> None:
    anyone = Client(raise_request_exception=False)
    assert client.get("/", headers={"User-Agent": "a\0b"}).status_code == 400
    assert anyone.get("/api/v1/inspections/", headers={"Authorization": "Token a\0b"}).status_code == 401
    anyone.cookies[SESSION] = "\0" * 8
    assert anyone.get("/").status_code == 302


REST_DOORS = ["/api/v1/queue/claim/", "/api/v1/models/plate/versions/1/promote/"]
BAD_STRINGS = ["a\0b", "a\x07b", "\ud800", "a\x7f"]


@pytest.mark.parametrize("path", REST_DOORS)
@pytest.mark.parametrize("bad", BAD_STRINGS, ids=ascii)
def test_it_refuses_strings_in_json(client: Client, path: str, bad: str) -> None:
    bodies: list[Any] = [{"product": bad, "reason": bad}, {bad: "plate"}, {"excluding": [bad]}, bad]
    for body in bodies:
        response = client.post(path, json.dumps(body), content_type="application/json")
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("csrf", [True, False], ids=["session", "token"])
def test_it_refuses_forms_at_rest_doors(client: Client, csrf: bool) -> None:
    client.handler.enforce_csrf_checks = False
    browser = Client(enforce_csrf_checks=csrf, raise_request_exception=False)
    browser.cookies = client.cookies
    browser.cookies["csrftoken"] = "a" * 32
    for extra in ({}, {"content_type": "application/x-www-form-urlencoded"}):
        body: Any = "product=a%00b" if extra else {"product": "a\0b"}
        response = browser.post("/api/v1/queue/claim/", body, headers={"X-CSRFToken": "a" * 32}, **extra)
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


def test_it_refuses_them_of_a_station() -> None:
    _, key = create_station(make_product(), "line-1")
    station = Client(headers={"Authorization": f"Api-Key {key}"}, raise_request_exception=False)
    for path in ("/api/v1/inspections/", "/api/v1/inspections/batch/", "/predict"):
        response = station.post(path, {"file": jpeg(), "part_id": "a\x01b"})
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert not Inspection.objects.exists()


def test_a_comment_has_lines(client: Client) -> None:
    part = make_part(make_product("other"))
    comment = "first line\r\n\tsecond line, grün 🙂"
    body = json.dumps({"verdict": "PASS", "comment": comment})
    response = client.post(f"/api/v1/inspections/{part.pk}/label/", body, content_type="application/json")
    assert response.status_code == 201, response.content
    assert Label.objects.get().comment == comment
