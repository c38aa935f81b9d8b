"""Fields and serializers of REST requests: unknown fields and numbers as texts are refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers

from mltasks.refusals import Refusal

MAX_SHOWN_NAMES, MAX_NAME_LENGTH = 9, 80


class UnknownField(Refusal):
    """Refusal of a field that the request does not have."""

    code = "unknown_field"
    status = 400


class RequestSerializer(serializers.Serializer[Any]):
    """Base of request serializers; an unknown field is answered 400 ``unknown_field``."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated fields. Raises ValidationError and UnknownField."""
        if isinstance(data, Mapping) and (reason := unknown_fields_message(data, self.fields)):
            raise UnknownField(reason)
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Text field that refuses numbers; the library's own field converts them to text."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Raises ValidationError for anything else."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class NumberField(serializers.FloatField):
    """Number field that refuses texts and booleans; the library's own field converts them."""

    def to_internal_value(self, data: Any) -> float:
        """Return the number. Raises ValidationError for anything else, NaN and infinity."""
        if isinstance(data, bool) or not isinstance(data, int | float) or not math.isfinite(data):
            self.fail("invalid")
        return float(data)


def unknown_fields_message(names: Iterable[str], known_names: Iterable[str]) -> str:
    """Return the sentence that names the unknown and the known fields; empty if all are known."""
    unknown = set(names).difference(known_names)
    return f"Unknown field: {_format_names(unknown)}. Known fields: {_format_names(known_names)}." if unknown else ""


def _format_names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name[:MAX_NAME_LENGTH]}`" for name in sorted(names)[:MAX_SHOWN_NAMES])
