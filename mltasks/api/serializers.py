"""REST serializers of versions, runs and promotions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from mltasks.api.request_fields import RequestSerializer, TextField
from mltasks.models import ImportedVersion, ModelVersion, Promotion, TrainingRun


class EstimateSerializer(serializers.Serializer[Any]):
    """Measured figure with its 95 % interval; null if there was nothing to measure."""

    value = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField(help_text="Number of measured images.")
    parts = serializers.IntegerField(help_text="Number of different parts in these images.")
    method = serializers.CharField(help_text="Method of the interval.")


class LabelCountSerializer(serializers.Serializer[Any]):
    """Numbers of labeled images that the version was trained on."""

    good = serializers.IntegerField()
    defective = serializers.IntegerField()
    total = serializers.IntegerField()


class GateLineSerializer(serializers.Serializer[Any]):
    """Requirement that a product may have of a version; ``holds`` is null without data."""

    name = serializers.CharField(
        help_text="labels, replay, recall, champion_recall, cost, escapes, reproducible or second_person."
    )
    title = serializers.CharField()
    asked = serializers.BooleanField()
    holds = serializers.BooleanField(allow_null=True)
    words = serializers.CharField(help_text="Result of the check, and what to do next.")


class PromotionSerializer(serializers.ModelSerializer[Promotion]):
    """Promotion of a version to champion: user, reason and time."""

    product = serializers.CharField(source="model.name")
    version = serializers.IntegerField(source="version.number")
    previous = serializers.IntegerField(source="previous.number", allow_null=True, default=None)
    by = serializers.CharField(source="by.username", allow_null=True, default=None)
    gate = GateLineSerializer(many=True)

    class Meta:
        model = Promotion
        fields = ["product", "version", "previous", "kind", "by", "reason", "override", "gate", "created_at"]


class PromotionRequestSerializer(RequestSerializer):
    """Reason why a version should score."""

    reason = TextField(max_length=2000, error_messages={"required": "A promotion needs a reason."})
    over = serializers.IntegerField(
        required=False,
        min_value=0,
        help_text="Number of the expected champion, 0 for none. If another version is champion, the answer is 409.",
    )
    override = TextField(
        max_length=2000,
        required=False,
        allow_blank=True,
        help_text="Reason to promote although a required check failed. The audit log keeps it.",
    )


class RollbackRequestSerializer(PromotionRequestSerializer):
    """Reason why a former champion comes back."""

    reason = TextField(max_length=2000, error_messages={"required": "A rollback needs a reason."})
    override = None  # type: ignore[assignment]  # a rollback has no gate to override


class OriginSerializer(serializers.ModelSerializer[ImportedVersion]):
    """Origin of an imported version: plant, product, number and key at the exporting plant."""

    version = serializers.IntegerField(source="number")

    class Meta:
        model = ImportedVersion
        fields = ["plant", "product", "version", "fingerprint", "good", "defective"]


class EscapeGuaranteeSerializer(serializers.Serializer[Any]):
    """Bound of the escape rate that the version kept in its evaluation, by the product's settings of then."""

    kind = serializers.ChoiceField(
        ("confidence", "average", "none"),
        help_text="Whether the bound holds with the stated confidence, on average over samples of as many labels, or "
        "not at all for too few labels.",
    )
    rate = serializers.FloatField(help_text="At most this share of the defective parts passes without a review.")
    confidence = serializers.FloatField()
    bound = serializers.FloatField(help_text="Upper bound of the escape rate with this confidence.")
    average_bound = serializers.FloatField(
        allow_null=True, default=None, help_text="Upper bound of the mean escape rate, if `kind` is `average`."
    )
    escapes = serializers.IntegerField(help_text="Number of measured defective parts that would have passed.")
    defective_parts = serializers.IntegerField()
    more_defective_labels_needed = serializers.IntegerField(help_text="For a bound with the stated confidence.")
    more_labels_needed_on_average = serializers.IntegerField(allow_null=True, default=None)


class VersionSerializer(serializers.ModelSerializer[ModelVersion]):
    """Version with its labels and its measured figures."""

    product = serializers.CharField(source="model.name")
    version = serializers.IntegerField(source="number")
    run = serializers.IntegerField(source="run_id")
    snapshot = serializers.IntegerField(source="run.snapshot.number", allow_null=True, default=None)
    labels = LabelCountSerializer(source="run.snapshot", allow_null=True, default=None)
    imported_from = OriginSerializer(source="imported", allow_null=True, default=None)
    protocol = serializers.CharField(source="report.protocol")
    metrics = serializers.SerializerMethodField()
    escape_guarantee = serializers.SerializerMethodField()
    promotions = PromotionSerializer(many=True)

    class Meta:
        model = ModelVersion
        fields = [
            *("product", "version", "state", "created_at", "sha256", "run", "snapshot", "labels", "imported_from"),
            *("protocol", "metrics", "escape_guarantee", "promotions"),
        ]

    @extend_schema_field(serializers.DictField(child=EstimateSerializer()))
    def get_metrics(self, version: ModelVersion) -> dict[str, Any]:
        """Return the figures by name: average_precision, auroc, recall, precision and more.

        `escape_rate` is the miss rate of the model alone. `routed_escape_rate` is the rate of defective parts that pass
        without a review.
        """
        metrics: dict[str, Any] = version.metrics  # type: ignore[attr-defined]  # annotated by with_metrics()
        return metrics

    @extend_schema_field(EscapeGuaranteeSerializer(allow_null=True))
    def get_escape_guarantee(self, version: ModelVersion) -> dict[str, Any] | None:
        """Return the escape guarantee of the evaluation; null for versions from before it."""
        guarantee = version.promise  # type: ignore[attr-defined]  # annotated by with_metrics()
        if not guarantee:
            return None
        # Earlier releases knew only the bound with confidence.
        kind = {"kind": "confidence" if guarantee["holds"] else "none"}
        return dict(EscapeGuaranteeSerializer({**kind, **guarantee}).data)


class RunSerializer(serializers.ModelSerializer[TrainingRun]):
    """Training run with its progress."""

    product = serializers.CharField(source="model.name")
    snapshot = serializers.IntegerField(source="snapshot.number", allow_null=True, default=None)
    version = serializers.IntegerField(source="version.number", allow_null=True, default=None)
    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)

    class Meta:
        model = TrainingRun
        fields = [
            *("id", "product", "state", "trigger", "night", "requested_by", "attempt", "progress", "stage", "error"),
            *("snapshot", "version", "created_at", "started_at", "finished_at"),
        ]


class RunDetailSerializer(RunSerializer):
    """Training run with the metrics of each epoch, its log and its settings."""

    epochs = serializers.ListField(child=serializers.DictField())
    config = serializers.DictField()

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "epochs", "log", "config"]
