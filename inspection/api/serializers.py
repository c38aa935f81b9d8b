"""Serializers of inspections, predictions, errors and inspection filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from inspection.models import Inspection, Reason, Verdict
from inspection.requests.form_serializers import PART_ID_VALIDATORS, PartIdField

MAX_PAGE_SIZE = 200
_TIME = serializers.DateTimeField()
_ZONE_AFTER_SPACE = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")
# Values of the fields `label`, which hide the serializers' attribute of that name; nothing here uses the attribute.
MODEL_VERDICTS = [Verdict.PASS.value, Verdict.FAIL.value]

# Fields of an inspection that a blind reviewer sees. All other fields, new ones too, may reveal model output.
BLIND_FIELDS = {"id", "product", "station", "part_id", "image_sha256", "captured_at", "received_at"}


def hide_model_output(inspection: Mapping[str, Any]) -> dict[str, Any]:
    """Return an inspection's JSON without model output: null values and no reasons."""
    shown = {name: value if name in BLIND_FIELDS else None for name, value in inspection.items()}
    return shown | {"reasons": []}


def inspection_json(inspection: Inspection) -> dict[str, Any]:
    """Return the fields of `InspectionSerializer`, ten times as fast as from the declared fields."""
    pending = inspection.state == Inspection.State.PENDING  # the version is chosen, but has not scored
    version = None if pending or inspection.model_version_id is None else inspection.model_version
    return {
        "id": str(inspection.pk),
        "product": inspection.product.slug,
        "station": inspection.station.name if inspection.station else None,
        "part_id": inspection.part_id,
        "verdict": inspection.verdict,
        "reasons": list(inspection.reasons),
        "label": inspection.model_verdict,
        "defect_probability": inspection.defect_probability,
        "reconstruction_error": inspection.reconstruction_error,
        "anomaly_threshold": inspection.anomaly_threshold,
        "novel_defect_suspected": inspection.novel_defect_suspected,
        "novelty": inspection.novelty_ratio,
        "model_version": version and version.number,
        "image_sha256": inspection.image_sha256,
        "captured_at": inspection.captured_at and _TIME.to_representation(inspection.captured_at),
        "received_at": _TIME.to_representation(inspection.received_at),
        "bit_depth": inspection.bit_depth,
        "deadline_ms": inspection.deadline_ms,
        "deadline_kept": inspection.deadline_kept,
        "warnings": _bit_depth_warnings(inspection),
    }


def _bit_depth_warnings(inspection: Inspection) -> list[str]:
    """Return a warning if the image widened the station's bit depth."""
    before, after = inspection.bit_depth_before, inspection.bit_depth
    if before is None or after is None:
        return []
    return [
        f"The station's bit depth was widened from {before} to {after}: this image has values above {before} bits. "
        "Earlier images were read too bright. If this is wrong, set the station's bit depth."
    ]


class InspectionSerializer(serializers.ModelSerializer[Inspection]):
    """One inspection. Model output is hidden for parts in the context's ``blind``."""

    product = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    station = serializers.SlugRelatedField[Any](slug_field="name", read_only=True, allow_null=True)
    novelty = serializers.FloatField(
        source="novelty_ratio",
        read_only=True,
        allow_null=True,
        help_text="Novelty score divided by its threshold: above 1 exactly if `novel_defect_suspected` is true. "
        "By the escape guarantee, parts may pass only up to a lower novelty: others go to review as `novel_anomaly`. "
        "Null if no version scored the part.",
    )
    model_version = serializers.SlugRelatedField[Any](slug_field="number", read_only=True, allow_null=True)
    deadline_kept = serializers.BooleanField(
        read_only=True,
        allow_null=True,
        help_text="True if the verdict came within `deadline_ms` of the request's arrival; null without a deadline.",
    )
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
            "deadline_ms",
            "deadline_kept",
            "warnings",
        )
        read_only_fields = fields
        extra_kwargs = {"label": {"source": "model_verdict"}}

    def get_warnings(self, inspection: Inspection) -> list[str]:
        """Return the warnings for the sender."""
        return _bit_depth_warnings(inspection)

    def to_representation(self, instance: Inspection) -> dict[str, Any]:
        """Return the inspection's fields."""
        fields = inspection_json(instance)
        return hide_model_output(fields) if instance.pk in self.context.get("blind", ()) else fields


class PredictionSerializer(serializers.Serializer[Inspection]):
    """The five fields of `POST /predict`.

    If no version could score the part, the numbers are null and the label is FAIL: an unscored part must not pass.
    """

    label = serializers.ChoiceField(MODEL_VERDICTS, source="model_verdict")  # type: ignore[assignment]
    defect_probability = serializers.FloatField(allow_null=True)
    reconstruction_error = serializers.FloatField(allow_null=True)
    anomaly_threshold = serializers.FloatField(allow_null=True)
    novel_defect_suspected = serializers.BooleanField(allow_null=True)

    def to_representation(self, instance: Inspection) -> dict[str, Any]:
        """Return the fields of an inspection."""
        return {**super().to_representation(instance), "label": instance.model_verdict or Verdict.FAIL}


class ErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """Error with a stable code and a text for people."""

    code = serializers.CharField()
    detail = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Add ``fields``, which can't be declared: serializers have an attribute of that name."""
        wrong = serializers.JSONField(required=False, help_text="Errors by field name.")
        return {**super().get_fields(), "fields": wrong}


class QueryTimeField(serializers.DateTimeField):
    """Time in a query; accepts an unescaped + of the time zone, which arrives as a space."""

    def to_internal_value(self, value: Any) -> Any:
        """Return the time. Raises ValidationError."""
        return super().to_internal_value(_ZONE_AFTER_SPACE.sub(r"\1+\2", value) if isinstance(value, str) else value)


class BatchResultSerializer(serializers.Serializer[dict[str, Any]]):
    """Result of one image of a batch: `inspection` with status 201, else `error`.

    `retry_after` is present if the image may be sent again.
    """

    file = serializers.CharField(help_text="File name as sent.")
    status = serializers.IntegerField()
    replayed = serializers.BooleanField(
        required=False, help_text="With `inspection`: an earlier request with the same Idempotency-Key created it."
    )
    inspection = InspectionSerializer(required=False)
    error = ErrorSerializer(required=False)
    retry_after = serializers.IntegerField(required=False, help_text="Seconds.")


class BatchAnswerSerializer(serializers.Serializer[dict[str, Any]]):
    """Results of a batch, in the order of the images."""

    results = BatchResultSerializer(many=True)


class HistoryFilterSerializer(serializers.Serializer[dict[str, Any]]):
    """Query parameters of `GET /api/v1/inspections/`."""

    product = serializers.SlugField(required=False, max_length=80)
    station = serializers.SlugField(required=False, max_length=80)
    verdict = serializers.ChoiceField(Verdict.choices, required=False)
    reason = serializers.ChoiceField(Reason.choices, required=False)
    label = serializers.ChoiceField(MODEL_VERDICTS, required=False)  # type: ignore[assignment]
    part_id = PartIdField(required=False, max_length=120, validators=PART_ID_VALIDATORS)
    received_after = QueryTimeField(required=False, help_text="Received at this time or later.")
    received_before = QueryTimeField(required=False, help_text="Received before this time.")
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=MAX_PAGE_SIZE)
