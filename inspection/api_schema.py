"""What OpenAPI says beyond what the views show: the station's key, the errors, the id."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from inspection.serializers import ErrorSerializer

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
