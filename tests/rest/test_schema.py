"""The OpenAPI schema: valid, and complete for every operation, without a word of it by hand on each view."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

ALWAYS = {"400", "401", "403", "503"}


@pytest.fixture(scope="module")
def schema() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def operations(schema: Any) -> dict[str, Any]:
    return {f"{method} {path}": one for path, ones in schema["paths"].items() for method, one in ones.items()}


def test_it_is_valid_and_warns_of_nothing() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null", stdout=io.StringIO())


def test_every_operation_has_a_tag_and_a_summary(operations: dict[str, Any]) -> None:
    assert {tag for one in operations.values() for tag in one["tags"]} >= {"inspections", "review", "models"}
    assert not [name for name, one in operations.items() if not 3 < len(one.get("summary", "")) < 120]


def test_every_error_is_in_it_with_its_body(operations: dict[str, Any]) -> None:
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for name, one in operations.items():
        assert set(one["responses"]) >= ALWAYS, name
        assert ("404" in one["responses"]) >= ("{" in name), name
        assert ("409" in one["responses"]) >= name.startswith("post"), name
        errors = {status: answer for status, answer in one["responses"].items() if status >= "400"}
        assert not [status for status, answer in errors.items() if answer["content"] != body], name
    assert set(operations["post /api/v1/inspections/"]["responses"]) >= {"411", "413", "415", "422", "429", "507"}


def test_a_file_is_binary(schema: Any) -> None:
    forms = schema["components"]["schemas"]
    for form in ("ImageForm", "PartForm"):
        assert forms[form]["properties"]["file"]["format"] == "binary"
    assert forms["BatchForm"]["properties"]["file"]["items"] == {"type": "string", "format": "binary"}
