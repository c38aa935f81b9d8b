"""Methods that no schema names, on every REST address: refused, never a fault of ours."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from tests.labeling.conftest import make_product

pytestmark = pytest.mark.django_db
METHODS = ["OPTIONS", "HEAD", "TRACE", "GET", "PUT", "PATCH", "DELETE", "CONNECT", "BREW"]
ACCEPTS = ["text/html", "image/png", "no type"]
PLACES = {"product": "plate", "number": "1", "id": "1", "label_id": "1", "path": "plots/none.svg"}


def addresses() -> list[str]:
    """Every address of the schema with something in each place, and those beside it."""
    schema: Any = SchemaGenerator().get_schema(request=None, public=True)
    places = {"inspection_id": str(uuid4()), "claim": str(uuid4()), **PLACES}
    return [path.format_map(places) for path in schema["paths"]] + ["/api/docs/", "/api/schema/", "/api/v1/none/"]


def test_no_method_is_a_fault() -> None:
    make_product()
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    anyone = Client(raise_request_exception=False)
    asked = [(method, "*/*") for method in METHODS] + [("OPTIONS", accept) for accept in ACCEPTS]
    for path in addresses():
        assert anyone.options(path).status_code < 500, path
        for method, accept in asked:
            response = client.generic(method, path, headers={"Accept": accept})
            assert response.status_code < 500, f"{method} {path} with {accept}"


def test_swagger_takes_no_other_method() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root"))
    assert client.get("/api/docs/").status_code == 200
    assert client.options("/api/docs/").status_code == 405
