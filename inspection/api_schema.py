"""OpenAPI of every operation beyond what its view shows: tags, summaries, the errors, the station's key, the id."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular import openapi
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import FileField

from inspection.serializers import ErrorSerializer

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="Same key and same body: the first answer again."
)
IDEMPOTENCY_REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    OpenApiTypes.BOOL,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="`true` where an earlier request with the same Idempotency-Key made every inspection of the answer; "
    "else the header is absent.",
)
INSPECTION_ID = OpenApiParameter("inspection_id", OpenApiTypes.UUID, OpenApiParameter.PATH)
# What a path's first word below /api/v1/ belongs to, where that is not its own tag.
_TAGS = {"predict": "inspections", "queue": "review", "labels": "review"}
_JSON = "application/json"


class AutoSchema(openapi.AutoSchema):
    """Schema of one operation. A view adds what it alone answers to a method by ``more_statuses``."""

    def get_tags(self) -> list[str]:
        """Return the tag of the address, unless the view names its own."""
        first = self.path.removeprefix("/api/v1").strip("/").partition("/")[0]
        return [_TAGS.get(first, first)]

    def get_summary(self) -> str | None:
        """Return the first sentence of the view's description, unless the view names its own."""
        return re.split(r"(?<=[^.])[.:;](?:\s|$)", self.get_description() or "")[0].replace("\n", " ") or None

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> dict[str, Any]:
        """Describe a field; a file is sent as its bytes, and no answer of ours names one by its address."""
        describe: Any = super()._map_serializer_field
        described: dict[str, Any] = describe(field, direction, bypass_extensions)
        return described | {"format": "binary"} if isinstance(field, FileField) else described

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        describe: Any = self._get_response_for_code
        for status in self._statuses():
            answer = OpenApiResponse(None if status < 400 else ErrorSerializer, HTTPStatus(status).phrase)
            body = describe(answer, str(status), media_types=[_JSON], direction=direction)
            bodies.setdefault(str(status), body)
        return dict(sorted(bodies.items()))

    def _statuses(self) -> set[int]:
        """What any view answers to such a request, and what this one adds."""
        found = {400, 401, 403, 503, *getattr(self.view, "more_statuses", {}).get(self.method, ())}
        if "{" in self.path:
            found.add(404)
        if self.method not in SAFE_METHODS:
            found |= {409, 413, 415}
        if issubclass(self.view.content_negotiation_class, DefaultContentNegotiation):
            found.add(406)
        if self.view.throttle_classes:
            found.add(429)
        return found


class StationKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Api-Key <key>``."""

    target_class = "inspection.authentication.StationKeyAuthentication"
    name = "stationKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """How a station shows its key."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "A camera station's key: `Api-Key <key>`.",
        }
