"""What OpenAPI says beyond what the views show: the station's key, the errors, the id."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

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


def errors(*statuses: int) -> dict[int, Any]:
    """The error answers of an operation."""
    return {status: OpenApiResponse(ErrorSerializer, HTTPStatus(status).phrase) for status in statuses}


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
