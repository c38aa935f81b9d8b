"""REST API of an inspection's lineage."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inspection.api.openapi import INSPECTION_ID
from inspection.models import Inspection
from labeling.history import part_lineage
from labeling.review import blinding
from mltasks.api.default_permission import requires

# Stations have no permission: they must not read human verdicts.
MayViewInspections = requires(
    "inspection.view_inspection", "You may not view inspections. Ask an admin to add you to a group."
)


class LineageSerializer(serializers.Serializer[Any]):
    """Lineage of an inspection; unknown values are null or empty."""

    inspection = serializers.UUIDField()
    product = serializers.CharField()
    image_sha256 = serializers.CharField()
    blind = serializers.BooleanField(help_text="You review this part blind: its verdict is shown after yours.")
    verdict = serializers.DictField(allow_null=True, help_text="The decision on the part.")
    version = serializers.DictField(
        allow_null=True,
        help_text="The version that decided, its promotion, and its own lineage.",
    )
    hidden = serializers.BooleanField(
        help_text="You hold a part with this image: its labels are shown after your verdict."
    )
    disputed = serializers.BooleanField(
        help_text="Two people differ: not used for training until a third person decides."
    )
    counts = serializers.DictField(allow_null=True, help_text="The standing label.")
    labels = serializers.ListField(
        child=serializers.DictField(),
        help_text="All labels of the image, oldest first, each with the versions trained on it.",
    )
    snapshots = serializers.ListField(
        child=serializers.DictField(),
        help_text="The label of the image in each snapshot, and its change since.",
    )


class InspectionLineage(APIView):
    """Lineage of one inspection."""

    permission_classes: list[type[BasePermission]] = [IsAuthenticated, MayViewInspections]

    @extend_schema(
        operation_id="inspections_lineage",
        parameters=[INSPECTION_ID],
        responses={200: LineageSerializer},
    )
    def get(self, request: Request, inspection_id: str) -> Response:
        """Return where an inspection's verdict comes from.

        It leads from the verdict over labels, version and snapshot to the code, libraries, machine and seed. Each label
        lists the versions that were trained on it.
        """
        inspections = Inspection.objects.select_related("product__registered_model", "model_version")
        part = get_object_or_404(inspections, pk=inspection_id)
        reader = cast(User, request.user)
        blind = part.pk in blinding.parts_judged_blind(reader)
        return Response(part_lineage.build_part_lineage(part, hidden=blinding.parts_hidden_from(reader), blind=blind))
