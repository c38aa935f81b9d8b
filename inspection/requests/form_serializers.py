"""Serializers of the forms with which stations and clients send images."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inspection.intake.part_metadata import read_metadata
from inspection.products.part_identity import normalize_part_id
from inspection.validators import validate_no_formatting, validate_one_line
from mltasks.api.request_fields import RequestSerializer

# Images in one batch
MAX_BATCH_IMAGES = 64
PART_ID_VALIDATORS = [validate_one_line, validate_no_formatting]


@extend_schema_field({"type": "object", "additionalProperties": True})
class MetadataField(serializers.Field[dict[str, Any], str, dict[str, Any], Any]):
    """Form field that contains a JSON object."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Parse the JSON object. Raises ValidationError."""
        # Within other JSON the value is parsed already; the same rules apply.
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        try:
            return read_metadata(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the value unchanged."""
        return value


@extend_schema_field(
    {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 0}], "nullable": True}
)
class FormTimeField(serializers.DateTimeField):
    """Time in a form; an empty field counts as absent."""


class ImageFormSerializer(serializers.Serializer[dict[str, Any]]):
    """Form of `POST /predict`."""

    file = serializers.FileField(allow_empty_file=True, help_text="JPEG, PNG, BMP, WebP or TIFF, one frame.")


class PartIdField(serializers.CharField):
    """Part id: a text, or in JSON an integer."""

    def to_internal_value(self, data: Any) -> str:
        """Return the part id as text. Raises ValidationError.

        Decimal numbers are refused because they lose digits: 1.10 and 1.1 are the same number.
        """
        if isinstance(data, float):
            raise serializers.ValidationError("Send the part id as text: a number would lose zeros.")
        return normalize_part_id(super().to_internal_value(data))


class PartFieldsSerializer(RequestSerializer):
    """Metadata of an image's part."""

    part_id = PartIdField(required=False, allow_blank=True, max_length=120, validators=PART_ID_VALIDATORS)
    captured_at = FormTimeField(
        required=False,
        allow_null=True,
        help_text="ISO 8601 with a time zone. Without one, TIME_ZONE applies, which is UTC by default.",
    )
    metadata = MetadataField(required=False)


class PartFormSerializer(PartFieldsSerializer, ImageFormSerializer):
    """Form of `POST /api/v1/inspections/`."""


class BatchFormSerializer(serializers.Serializer[dict[str, Any]]):
    """Form of `POST /api/v1/inspections/batch/` with one field `file` for each image."""

    file = serializers.ListField(child=serializers.FileField(), min_length=1, max_length=MAX_BATCH_IMAGES)
    parts = serializers.CharField(
        required=False,
        help_text="A JSON list with one object for each image, in order: part_id, captured_at, metadata; all optional.",
    )
