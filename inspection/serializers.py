"""Inspections as clients read them, and what they may send and ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from inspection.bit_depths import widened
from inspection.models import Inspection, Reason, Verdict
from inspection.part_fields import part_id_text, read_metadata
from inspection.refusals import UnknownField
from inspection.validators import validate_no_formatting, validate_one_line
from mltasks.api.request_fields import unknown_fields

MAX_PAGE = 200
# Of a batch
MOST_IMAGES = 64
PART_ID = [validate_one_line, validate_no_formatting]
_ZONE_AFTER_SPACE = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")
# The model's own word. A field of this name hides the caption that every serializer has, and that nothing here uses.
LABELS = [Verdict.PASS.value, Verdict.FAIL.value]


def refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise UnknownField for names that are not among the known ones."""
    if reason := unknown_fields(names, known):
        raise UnknownField(reason)


# What stays of an inspection for a person who judges it blind; anything else, new fields too, follows from the model.
SHOWN_BLIND = {"id", "product", "station", "part_id", "image_sha256", "captured_at", "received_at"}


def blinded(inspection: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inspection's JSON without what the model says: null, and no reasons."""
    shown = {name: value if name in SHOWN_BLIND else None for name, value in inspection.items()}
    return shown | {"reasons": []}


class InspectionSerializer(serializers.ModelSerializer[Inspection]):
    """One inspection, as the contract names its fields. Those in the context's ``blind`` come without the model."""

    product = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    station = serializers.SlugRelatedField[Any](slug_field="name", read_only=True, allow_null=True)
    novelty = serializers.FloatField(
        source="novelty_ratio",
        read_only=True,
        allow_null=True,
        help_text="The deciding novelty score over its threshold: above 1 exactly where `novel_defect_suspected` is "
        "true. Null without a model.",
    )
    model_version = serializers.SlugRelatedField[Any](slug_field="number", read_only=True, allow_null=True)
    warnings = serializers.SerializerMethodField()

    class Meta:
        model = Inspection
        fields = (
            "id",
            "product",
            "station",
            "part_id",
            "verdict",
            "reasons",
            "label",
            "defect_probability",
            "reconstruction_error",
            "anomaly_threshold",
            "novel_defect_suspected",
            "novelty",
            "model_version",
            "image_sha256",
            "captured_at",
            "received_at",
            "bit_depth",
            "warnings",
        )
        read_only_fields = fields

    def get_warnings(self, inspection: Inspection) -> list[str]:
        """Return what the sender should look at: a bit depth that the image widened."""
        before, after = inspection.bit_depth_before, inspection.bit_depth
        return [] if before is None or after is None else [widened(before, after)]

    def to_representation(self, instance: Inspection) -> dict[str, Any]:
        """Return the inspection's fields."""
        fields: dict[str, Any] = super().to_representation(instance)
        return blinded(fields) if instance.pk in self.context.get("blind", ()) else fields


class PredictionSerializer(serializers.Serializer[dict[str, Any]]):
    """The five fields of `POST /predict`. Where nothing could score the part, the numbers are null and the label is
    FAIL: a part that nobody judged must not pass."""

    label = serializers.ChoiceField(LABELS)  # type: ignore[assignment]
    defect_probability = serializers.FloatField(allow_null=True)
    reconstruction_error = serializers.FloatField(allow_null=True)
    anomaly_threshold = serializers.FloatField(allow_null=True)
    novel_defect_suspected = serializers.BooleanField(allow_null=True)


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """Every error: a stable code, and words for a person."""

    code = serializers.CharField()
    detail = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With ``fields``, a name that every serializer has for its own."""
        wrong = serializers.JSONField(required=False, help_text="What is wrong with each field, by its name.")
        return {**super().get_fields(), "fields": wrong}


@extend_schema_field({"type": "object", "additionalProperties": True})
class MetadataField(serializers.Field[dict[str, Any], str, dict[str, Any], Any]):
    """A JSON object in a form field."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Parse it. Raises ValidationError."""
        # Inside of other JSON: held to the same rules.
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        try:
            return read_metadata(text)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        """As it is."""
        return value


@extend_schema_field(
    {"oneOf": [{"type": "string", "format": "date-time"}, {"type": "string", "maxLength": 0}], "nullable": True}
)
class FormTimeField(serializers.DateTimeField):
    """Time in a form, where an empty field is one left out."""


class AddressTimeField(serializers.DateTimeField):
    """Time in an address, where the + of a time zone that was not written %2B arrives as a space."""

    def to_internal_value(self, value: Any) -> Any:
        """Return the time. Raises ValidationError."""
        return super().to_internal_value(_ZONE_AFTER_SPACE.sub(r"\1+\2", value) if isinstance(value, str) else value)


class ImageFormSerializer(serializers.Serializer[dict[str, Any]]):
    """The form of `POST /predict`."""

    file = serializers.FileField(allow_empty_file=True, help_text="JPEG, PNG, BMP, WebP or TIFF, one frame.")


class PartIdField(serializers.CharField):
    """A part's id: a text, or in JSON an integer."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Raises ValidationError, also for numbers that lose digits: 1.10 and 1.1 are one number."""
        if isinstance(data, float):
            raise serializers.ValidationError("Send it as text: a number would lose zeros.")
        return part_id_text(super().to_internal_value(data))


class SaidOfPartSerializer(serializers.Serializer[dict[str, Any]]):
    """What may be said of an image's part."""

    part_id = PartIdField(required=False, allow_blank=True, max_length=120, validators=PART_ID)
    captured_at = FormTimeField(
        required=False,
        allow_null=True,
        help_text="ISO 8601. Send it with its time zone: without one it is read in TIME_ZONE, which is UTC by default.",
    )
    metadata = MetadataField(required=False)

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked fields. Raises ValidationError, and UnknownField for names that no field has."""
        if isinstance(data, Mapping):
            refuse_unknown(data, self.fields)
        return super().to_internal_value(data)


class PartFormSerializer(SaidOfPartSerializer, ImageFormSerializer):
    """The form of `POST /api/v1/inspections/`."""


class BatchFormSerializer(serializers.Serializer[dict[str, Any]]):
    """The form of `POST /api/v1/inspections/batch/`: the field `file` once for each image."""

    file = serializers.ListField(child=serializers.FileField(), min_length=1, max_length=MOST_IMAGES)
    parts = serializers.CharField(
        required=False,
        help_text="A JSON list with one object for each image, in order: part_id, captured_at, metadata; all optional.",
    )


class BatchResultSerializer(serializers.Serializer[dict[str, Any]]):
    """One image of a batch: `inspection` with status 201, else `error`, and `retry_after` where it may come again."""

    file = serializers.CharField(help_text="Its name as it was sent.")
    status = serializers.IntegerField()
    replayed = serializers.BooleanField(
        required=False, help_text="With an inspection: an earlier request with the same Idempotency-Key made it."
    )
    inspection = InspectionSerializer(required=False)
    error = ErrorSerializer(required=False)
    retry_after = serializers.IntegerField(required=False, help_text="Seconds.")


class BatchAnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """The answers, in the order of the images."""

    results = BatchResultSerializer(many=True)


class HistoryFilterSerializer(serializers.Serializer[dict[str, Any]]):
    """The query of `GET /api/v1/inspections/`."""

    product = serializers.SlugField(required=False, max_length=80)
    station = serializers.SlugField(required=False, max_length=80)
    verdict = serializers.ChoiceField(Verdict.choices, required=False)
    reason = serializers.ChoiceField(Reason.choices, required=False)
    label = serializers.ChoiceField(LABELS, required=False)  # type: ignore[assignment]
    part_id = PartIdField(required=False, max_length=120, validators=PART_ID)
    received_after = AddressTimeField(required=False, help_text="This moment or later.")
    received_before = AddressTimeField(required=False, help_text="Before this moment.")
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=MAX_PAGE)
