"""OpenAPI details that views do not declare: tags, summaries, errors, station key and id."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Literal

from django.core.validators import RegexValidator
from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import CharField, FileField, IntegerField

from inspection.api.serializers import ErrorSerializer
from inspection.validators import validate_one_line
from mltasks.api.request_fields import RequestSerializer
from mltasks.text import storable


def idempotency_key_parameter(max_length: int, description: str) -> OpenApiParameter:
    """Describe the header that makes a request repeatable."""
    text = {"type": "string", "minLength": 1, "maxLength": max_length, "pattern": "^[!-~]+$"}
    return OpenApiParameter("Idempotency-Key", text, OpenApiParameter.HEADER, description=description)


IDEMPOTENCY_KEY = idempotency_key_parameter(200, "A request with the same key and body gets the first answer again.")
IDEMPOTENCY_REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    OpenApiTypes.BOOL,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="`true` if an earlier request with the same Idempotency-Key created every inspection of the answer; "
    "else the header is absent.",
)
INSPECTION_ID = OpenApiParameter("inspection_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
# Tag by the first path segment below /api/v1/, where the tag differs from the segment.
_TAG_BY_PATH = {"predict": "inspections", "queue": "review", "labels": "review"}
_JSON = "application/json"
# Characters that `storable.check_text` lets pass, as ECMA 262 writes them
_LINE_CHARACTER = r"[^\u0000-\u001f\u007f]"
_TEXT_CHARACTER = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]"


class AutoSchema(openapi.AutoSchema):
    """Schema of one operation. A view adds error statuses of a method by ``more_statuses``."""

    _direction: Literal["request", "response"] = "request"

    def get_tags(self) -> list[str]:
        """Return the tag of the operation's path; a view's own tags override it."""
        first = self.path.removeprefix("/api/v1").strip("/").partition("/")[0]
        return [_TAG_BY_PATH.get(first, first)]

    def get_summary(self) -> str | None:
        """Return the first sentence of the view's description; a view's own summary overrides it."""
        return re.split(r"(?<=[^.])[.:;](?:\s|$)", self.get_description() or "")[0].replace("\n", " ") or None

    def map_parsers(self) -> list[str]:
        """Return the body types: only JSON where JSON is accepted, because a form can express less."""
        kinds: list[str] = super().map_parsers()
        return [_JSON] if _JSON in kinds else kinds

    def _get_parameters(self) -> list[dict[str, Any]]:
        """Limit query texts and ``path`` to one line; path converters restrict other parameters."""
        parameters: list[dict[str, Any]] = super()._get_parameters()
        for parameter in parameters:
            if parameter["schema"] == {"type": "string"} and (
                parameter["in"] == "query" or parameter["name"] == "path"
            ):
                parameter["schema"] |= {"pattern": f"^{_LINE_CHARACTER}*$"}
        return parameters

    def _map_basic_serializer(self, serializer: Any, direction: Literal["request", "response"]) -> Any:
        self._direction = direction
        describe: Any = super()._map_basic_serializer
        described: dict[str, Any] = describe(serializer, direction)
        strict = _JSON not in self.map_parsers() or isinstance(serializer, RequestSerializer)
        return described | {"additionalProperties": False} if strict and direction == "request" else described

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> dict[str, Any]:
        """Describe a field. A file is binary in requests, and no answer contains a file's URL."""
        describe: Any = super()._map_serializer_field
        described: dict[str, Any] = describe(field, direction, bypass_extensions)
        return described | {"format": "binary"} if isinstance(field, FileField) else described

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        """Describe the limits of a field; in a request, the parsers' limits too."""
        insert: Any = super()._insert_field_validators
        insert(field, schema)
        if self._direction == "request":
            schema |= {name: limit for name, limit in _limits(field).items() if name not in schema}

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        describe: Any = self._get_response_for_code
        for status in self._statuses():
            answer = OpenApiResponse(None if status < 400 else ErrorSerializer, HTTPStatus(status).phrase)
            body = describe(answer, str(status), media_types=[_JSON], direction=direction)
            bodies.setdefault(str(status), body)
        return dict(sorted(bodies.items()))

    def _statuses(self) -> set[int]:
        """Return the error statuses of all views and those that this view adds."""
        statuses = {400, 401, 403, 503, *getattr(self.view, "more_statuses", {}).get(self.method, ())}
        if "{" in self.path:
            statuses.add(404)
        if self.method not in SAFE_METHODS:
            statuses |= {409, 413, 415}
        if self.view.throttle_classes:
            statuses.add(429)
        return statuses


def _limits(field: Any) -> dict[str, Any]:
    if isinstance(field, IntegerField):
        return {"minimum": -storable.MAX_INTEGER, "maximum": storable.MAX_INTEGER}
    if not isinstance(field, CharField) or any(isinstance(rule, RegexValidator) for rule in field.validators):
        return {}
    characters = _LINE_CHARACTER if validate_one_line in field.validators else _TEXT_CHARACTER
    # A text of only spaces is blank, too.
    return {
        "pattern": f"^{characters}*$" if field.allow_blank else rf"^{characters}*[^\s\u0000-\u001f\u007f]{characters}*$"
    }


class StationKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """OpenAPI security scheme of ``Authorization: Api-Key <key>``."""

    target_class = "inspection.api.authentication.StationKeyAuthentication"
    name = "stationKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the definition of the station key header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "A camera station's key: `Api-Key <key>`.",
        }
