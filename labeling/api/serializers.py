"""Serializers of claims, labels and skips."""

from __future__ import annotations

import math
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from inspection.api.serializers import InspectionSerializer, hide_model_output
from inspection.models import Inspection, Product, Verdict
from labeling.models import Claim, Label, LabelUndo, Recheck, Skip
from labeling.models.defect_types import current_type_name
from labeling.queue.near_duplicate_claims import MAX_NEAR_DUPLICATES
from labeling.queue.queue import MAX_HELD_CLAIMS
from labeling.rechecks import recheck_resolution
from labeling.review import blinding
from mltasks.api.request_fields import NumberField, RequestSerializer, TextField
from mltasks.vision.types import MARKS_LIMIT, Mark

MAX_COMMENT_LENGTH = 2000


class ClaimRequestSerializer(RequestSerializer):
    """Part to claim: the next one of a product or of all, or one by its id."""

    product = serializers.SlugRelatedField(slug_field="slug", queryset=Product.objects.all(), required=False)
    inspection = serializers.PrimaryKeyRelatedField(
        queryset=Inspection.objects.all(), required=False, help_text="This part, as after an undo."
    )
    excluding = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=4 * (MAX_HELD_CLAIMS + MAX_NEAR_DUPLICATES),
        help_text="Claims that the client shows already. Other held claims are returned first.",
    )


@extend_schema_serializer(component_name="Word")
class VerdictPairItemSerializer(serializers.ModelSerializer[Label]):
    """Verdict on a part, without its author."""

    verdict = serializers.ChoiceField([Verdict.PASS.value, Verdict.FAIL.value], read_only=True)
    defect_type = serializers.CharField(source="defect_type.name", default="", read_only=True)

    class Meta:
        model = Label
        fields = ("verdict", "defect_type", "comment")
        read_only_fields = fields


class ClaimSerializer(serializers.ModelSerializer[Claim]):
    """Claim with its part.

    ``again`` is true if the part is reviewed blind: an audit or a recheck, which of the two is not told. The model's
    output is null then. ``dispute`` has the two verdicts that differ, for the person who adjudicates; else it is empty.
    """

    claim = serializers.UUIDField(source="pk", read_only=True)
    inspection = InspectionSerializer(read_only=True)
    again = serializers.SerializerMethodField()
    dispute = serializers.SerializerMethodField()
    _recheck: Recheck | None = None

    class Meta:
        model = Claim
        fields = ("claim", "inspection", "expires_at", "again", "dispute")
        read_only_fields = fields

    def to_representation(self, instance: Claim) -> dict[str, Any]:
        """Return the claim, without the model's output if the part is reviewed blind."""
        self._recheck = recheck_resolution.find_open_recheck(instance.inspection)
        fields = super().to_representation(instance)
        if fields["again"]:
            fields["inspection"] = hide_model_output(fields["inspection"])
        return fields

    def get_again(self, claim: Claim) -> bool:
        """Return True if the part is reviewed blind."""
        return blinding.is_judged_blind(claim.inspection, self._recheck)

    @extend_schema_field(VerdictPairItemSerializer(many=True))
    def get_dispute(self, claim: Claim) -> Any:
        """Return the two verdicts, the first one first."""
        return VerdictPairItemSerializer(recheck_resolution.disputed_labels(self._recheck), many=True).data


class MarkSerializer(RequestSerializer):
    """Rectangle on the upright whole image, in shares of its sides; width and height 0 are a point."""

    left = NumberField(min_value=0, max_value=1)
    top = NumberField(min_value=0, max_value=1)
    width = NumberField(min_value=0, max_value=1, default=0.0)
    height = NumberField(min_value=0, max_value=1, default=0.0)

    def to_internal_value(self, data: Any) -> Mark:
        """Return the mark. Raises ValidationError, also for a mark that ends outside the image."""
        try:
            return Mark(**super().to_internal_value(data))
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class VerdictRequestSerializer(RequestSerializer):
    """Verdict of a person on a part."""

    verdict = serializers.ChoiceField([Verdict.PASS.value, Verdict.FAIL.value])
    defect_type = TextField(
        required=False, allow_blank=True, default="", help_text="Name of one of the product's defect types, on FAIL."
    )
    comment = TextField(required=False, allow_blank=True, default="", max_length=MAX_COMMENT_LENGTH)
    marks = serializers.ListField(
        child=MarkSerializer(),
        required=False,
        allow_null=True,
        max_length=MARKS_LIMIT,
        help_text="Where the defect is, on FAIL. Without this field, marks of earlier labels stay; [] withdraws them.",
    )


class SecondsField(serializers.FloatField):
    """Number of seconds."""

    def to_internal_value(self, data: Any) -> float:
        """Return the number. Raises ValidationError for booleans, NaN and infinity."""
        seconds = float("nan") if isinstance(data, bool) else super().to_internal_value(data)
        if not math.isfinite(seconds):
            raise serializers.ValidationError("Must be a number of seconds.")
        return seconds


class QueueVerdictRequestSerializer(VerdictRequestSerializer):
    """Verdict of a person on a claimed part."""

    shown_seconds = SecondsField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=86400,
        help_text="Seconds on the reviewer's screen.",
    )


class SkipRequestSerializer(RequestSerializer):
    """Reason for not judging a part."""

    reason = serializers.ChoiceField(Skip.Reason.choices)
    comment = TextField(required=False, allow_blank=True, default="", max_length=MAX_COMMENT_LENGTH)


class SkipSerializer(serializers.ModelSerializer[Skip]):
    """Skipped part with its reason."""

    class Meta:
        model = Skip
        fields = ("claim", "inspection", "reason", "comment", "created_at")
        read_only_fields = fields


class LabelSerializer(serializers.ModelSerializer[Label]):
    """Label of a part; ``undone`` is true if the label was undone."""

    verdict = serializers.ChoiceField([Verdict.PASS.value, Verdict.FAIL.value], read_only=True)
    defect_type = serializers.SerializerMethodField()
    reviewer = serializers.SlugRelatedField[Any](slug_field="username", read_only=True, allow_null=True)
    marks = serializers.SerializerMethodField()
    undone = serializers.SerializerMethodField()

    class Meta:
        model = Label
        fields = (
            "id",
            "inspection",
            "verdict",
            "defect_type",
            "source",
            "provenance",
            "reviewer",
            "comment",
            "marks",
            "created_at",
            "undone",
        )
        read_only_fields = fields

    @extend_schema_field(str)
    def get_defect_type(self, label: Label) -> str:
        """Return the type's name today; empty if no type was named."""
        return current_type_name(label.defect_type)

    @extend_schema_field(MarkSerializer(many=True))
    def get_marks(self, label: Label) -> Any:
        """Return the marks that the label states; empty if it states none."""
        return label.marks or []

    @extend_schema_field(bool)
    def get_undone(self, label: Label) -> bool:
        """Return True if the label was undone."""
        return LabelUndo.objects.filter(label=label).exists()
