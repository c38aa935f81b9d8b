"""OpenAPI document without its texts."""

from __future__ import annotations

from typing import Any

import yaml
from drf_spectacular.generators import SchemaGenerator

TEXTS = ("description", "summary")  # reworded freely; as names of fields they lead to a mapping, not to a text


def document() -> str:
    """Return the document as sorted YAML, one innermost collection a line."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return yaml.safe_dump(_without_texts(schema), sort_keys=True, default_flow_style=None, width=10_000)


def _without_texts(node: Any) -> Any:
    """Return the node in plain lists and dicts, without YAML's anchors for what occurs twice."""
    if isinstance(node, dict):
        kept = {str(key): value for key, value in node.items() if not (key in TEXTS and isinstance(value, str))}
        return {key: _without_texts(value) for key, value in kept.items()}
    if isinstance(node, list | tuple):
        return [_without_texts(value) for value in node]
    return node if isinstance(node, bool | int | float | None) else str(node)
