"""Hooks of schemathesis: what OpenAPI can't say of a request."""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import strategies

from mltasks.text import storable
from tests.inspection.sample_images import jpeg

# A file is an image.
schemathesis.openapi.format("binary", strategies.sampled_from([jpeg(1), jpeg(2)]))


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Say as much of a batch as it has images. A text that breaks the schema stays: it has to be refused."""
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("file"), list) and isinstance(body.get("parts"), str) and _is_storable(body["parts"]):
        body["parts"] = json.dumps([{"part_id": "part 7"}] * len(body["file"]))
    return body


def _is_storable(value: Any) -> bool:
    try:
        storable.check_json(value, 16, storable.TEXT_CONTROLS)
    except ValueError:
        return False
    return True
