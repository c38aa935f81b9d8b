"""REST view of a version's model card."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mltasks.models import ModelVersion
from mltasks.reports import model_card
from mltasks.web.selection import get_version_or_404


class ModelCardSerializer(serializers.Serializer[Any]):
    """Model card by section; shares are in [0, 1], unknown values are null or empty."""

    format = serializers.IntegerField(help_text="Number of this document's format.")
    after = serializers.CharField(help_text="Publication that defines the sections.")
    product = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(ModelVersion.State.choices)
    state_words = serializers.CharField()
    details = serializers.DictField(help_text="Time, user and components of the version.")
    intended_use = serializers.DictField(help_text="Intended uses and users, and uses out of scope.")
    factors = serializers.DictField(help_text="Defect types with their recall, regions of interest.")
    metrics = serializers.DictField(help_text="Figures with 95 % intervals and counts, and the protocol.")
    evaluation_data = serializers.DictField(allow_null=True, help_text="Images that the version was measured on.")
    training_data = serializers.DictField(allow_null=True, help_text="Training snapshot by split.")
    analyses = serializers.DictField(help_text="Errors, detectors, calibration and learning curve.")
    costs = serializers.DictField(help_text="Costs of errors, thresholds and guaranteed escape rate.")
    caveats = serializers.ListField(child=serializers.CharField(), help_text="Warnings about the figures.")
    history = serializers.ListField(
        child=serializers.DictField(), help_text="Promotions and replacements, in order of time."
    )
    lineage = serializers.DictField(help_text="Snapshot, run, settings, code, libraries, machine, seed.")


class VersionCard(APIView):
    """Model card of one version."""

    @extend_schema(tags=["models"], summary="The model card of a version", responses=ModelCardSerializer)
    def get(self, request: Request, product: str, number: int) -> Response:
        """Return the model card; the page `/models/{product}/{number}/card/` shows the same facts."""
        return Response(model_card.build_model_card(get_version_or_404(product, number)))
