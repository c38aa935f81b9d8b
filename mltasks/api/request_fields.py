"""Bodies of REST requests whose every name is known: a misspelt name is refused, never passed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import exceptions, serializers, status

SHOWN_NAMES, SHOWN_LENGTH = 9, 80


class UnknownFieldError(exceptions.APIException):
    """A name in the body that the request does not have."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_code = "unknown_field"


class RequestSerializer(serializers.Serializer[Any]):
    """Fields of a request. A name that is none of them is 400 ``unknown_field``."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked fields. Raises ValidationError and UnknownFieldError."""
        if isinstance(data, Mapping) and (reason := unknown_fields(data, self.fields)):
            raise UnknownFieldError(reason)
        return super().to_internal_value(data)


def unknown_fields(names: Iterable[str], known: Iterable[str]) -> str:
    """Return the sentence that names the unknown fields and the known ones; empty if all are known."""
    unknown = set(names).difference(known)
    return f"Unknown field: {_listed(unknown)}. Known fields: {_listed(known)}." if unknown else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name[:SHOWN_LENGTH]}`" for name in sorted(names)[:SHOWN_NAMES])
