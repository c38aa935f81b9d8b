"""Hooks of schemathesis: what OpenAPI can't say of a request."""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import strategies

from mltasks import storable
from tests.inspection.pictures import jpeg

# A file is an image.
schemathesis.openapi.format("binary", strategies.sampled_from([jpeg(1), jpeg(2)]))


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Say as much of a batch as it has images; leave out undeclared fields that hold what can't be stored."""
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("parts"), str) and isinstance(body.get("file"), list):
        body["parts"] = json.dumps([{"part_id": "part 7"}] * len(body["file"]))
    forms = context.operation.schema.raw_schema["components"]["schemas"]
    sent = [form for name, form in forms.items() if name.endswith(("Form", "Request"))]
    declared = {name for form in sent for name in form["properties"]}
    return {name: value for name, value in body.items() if name in declared or _is_storable({name: value})}


def _is_storable(value: Any) -> bool:
    try:
        storable.check_json(value, 16, storable.CONTROLS_OF_A_TEXT)
    except ValueError:
        return False
    return True
