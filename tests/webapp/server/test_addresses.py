"""Addresses of the REST API that are a slash off, and servers that are called by a name they do not know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from inspection.models import Inspection
from inspection.products.stations import create_station
from tests.inspection.sample_images import jpeg
from tests.labeling.conftest import make_product

pytestmark = pytest.mark.django_db
SAMPLES = {"uuid": "00000000-0000-4000-8000-000000000000", "int": "1", "str": "x", "slug": "x", "path": "x"}


def api_addresses() -> Iterator[str]:
    """Every address below /api/v1/, with a sample in the place of each parameter."""
    yield from _addresses(get_resolver("webapp.urls"), "")


def _addresses(resolver: URLResolver, before: str) -> Iterator[str]:
    for one in resolver.url_patterns:
        here = before + _sample(str(one.pattern))
        if isinstance(one, URLResolver):
            yield from _addresses(one, here)
        elif isinstance(one, URLPattern) and here.startswith("api/v1/") and here.endswith("/"):
            yield f"/{here}"


def _sample(route: str) -> str:
    for kind, value in SAMPLES.items():
        while f"<{kind}:" in route:
            start = route.index(f"<{kind}:")
            route = route[:start] + value + route[route.index(">", start) + 1 :]
    return route


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def test_every_api_address_answers_a_post_without_the_slash(client: Client) -> None:
    addresses = list(api_addresses())
    assert len(addresses) > 20 and "/api/v1/inspections/batch/" in addresses
    for address in addresses:
        right = client.post(address, {}, content_type="application/json")
        bare = client.post(address.rstrip("/"), {}, content_type="application/json")
        assert (bare.status_code, bare.content) == (right.status_code, right.content), address
        assert bare["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/api/v1/inspections", "/api/v1/inspections/batch", "/predict"])
def test_a_part_sent_without_the_slash_is_taken(client: Client, path: str) -> None:
    _, key = create_station(make_product(), "line-1")
    headers: dict[str, Any] = {"Authorization": f"Api-Key {key}"}
    form = {"file": SimpleUploadedFile("part.jpg", jpeg())}
    assert client.post(path, form, headers=headers).status_code in (200, 201)
    assert Inspection.objects.count() == 1


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/predict/", "/predict"),
        ("/api/v1/inspection/", "/api/docs/"),
        ("/api/v1/inspection", "/api/docs/"),
        ("/api/v2/inspections/", "/api/docs/"),
        ("/api/", "/api/docs/"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_an_address_that_is_none_says_where_to_look(client: Client, path: str, hint: str, method: str) -> None:
    response = getattr(client, method)(path)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert hint in response.json()["detail"]


def test_people_get_a_page_for_an_address_that_is_none(client: Client) -> None:
    response = client.get("/no/such/page/")
    assert response.status_code == 404 and "<html" in response.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/inspections/", "/api/schema/", "/predict"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_host_is_told_in_json(client: Client, path: str, method: str) -> None:
    response = getattr(client, method)(path, headers={"Host": "camera.plant.example:8000"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_host")
    assert "camera.plant.example" in response.json()["detail"] and "ALLOWED_HOSTS" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/login/", "/healthz", "/admin/"])
def test_people_read_which_setting_names_hosts(client: Client, path: str) -> None:
    response = client.get(path, headers={"Host": "look.plant.example"})
    page = response.content.decode()
    assert response.status_code == 400
    assert "look.plant.example" in page and "ALLOWED_HOSTS" in page


def test_a_host_that_is_no_name_is_not_repeated(client: Client) -> None:
    response = client.get("/", headers={"Host": "<script>alert(1)</script>"})
    page = response.content.decode()
    assert response.status_code == 400 and "alert" not in page and "Host header" in page
