"""REST views of a version's gate and of its approval."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mltasks.api.default_permission import CanViewVersions, requires
from mltasks.api.serializers import GateLineSerializer, PromotionRequestSerializer
from mltasks.api.steps import step
from mltasks.api.versions import OPENAPI_TAGS, VersionStep
from mltasks.models import Approval, ModelVersion
from mltasks.registry import gate, registry
from mltasks.web.access import current_user
from mltasks.web.selection import get_version_or_404


class GateSerializer(serializers.Serializer[Any]):
    """Lines of a promotion's gate, required or not, for the requesting user.

    The promotion is one over the present champion.
    """

    open = serializers.BooleanField(help_text="True if no required check failed.")
    state = serializers.ChoiceField(
        [str(state) for state in gate.State], help_text="`nothing_asked` is an open gate without required checks."
    )
    champion = serializers.IntegerField(allow_null=True, help_text="Number of the present champion.")
    lines = GateLineSerializer(many=True)


class ApprovalRequestSerializer(PromotionRequestSerializer):
    """Reason why the version may replace the champion."""

    override = None  # type: ignore[assignment]  # an approval has no override


class ApprovalSerializer(serializers.ModelSerializer[Approval]):
    """Approval of a version over a champion: user, reason and time."""

    version = serializers.IntegerField(source="version.number")
    champion = serializers.IntegerField(source="champion.number", allow_null=True, default=None)
    by = serializers.CharField(source="by.username")

    class Meta:
        model = Approval
        fields = ["version", "champion", "by", "reason", "created_at"]


class VersionGate(APIView):
    """Gate of one version."""

    @extend_schema(tags=OPENAPI_TAGS, summary="Promotion gate of a version", responses=GateSerializer)
    def get(self, request: Request, product: str, number: int) -> Response:
        """Return the result of each check in the product's promotion policy.

        The checks are evaluated for a promotion by the requesting user.
        """
        version = get_version_or_404(product, number)
        champion = registry.champion(version.model)
        lines = gate.evaluate(version, champion, request.user if isinstance(request.user, User) else None)
        state = gate.state(lines)
        values = {
            "open": state != gate.State.CLOSED,
            "state": state,
            "champion": champion.number if champion else None,
            "lines": [line.to_json() for line in lines],
        }
        return Response(GateSerializer(values).data)


class VersionApprove(VersionStep):
    """Approval of a version by a second person."""

    permission_classes = [
        CanViewVersions,
        requires(registry.PROMOTE_PERMISSION, "You may not approve versions. Ask an admin to add you to a group."),
    ]

    @step(
        ApprovalRequestSerializer,
        {201: ApprovalSerializer},
        tags=OPENAPI_TAGS,
        summary="Approve a version over the present champion",
    )
    def post(self, version: ModelVersion, **fields: Any) -> Approval:
        """Approve the version over the present champion.

        Requires the permission to promote. The approval counts if another person promotes the version.
        """
        return registry.approve(version, by=current_user(self.request), **fields)
