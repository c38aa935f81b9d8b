"""REST view of a version's verification."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mltasks.api.default_permission import CanViewVersions, requires
from mltasks.api.request_fields import RequestSerializer
from mltasks.api.steps import step
from mltasks.api.versions import OPENAPI_TAGS, VersionStep
from mltasks.models import ModelVersion, Verification, VerifyingRun
from mltasks.reports import verification_report
from mltasks.training import verification_runs
from mltasks.web.access import current_user
from mltasks.web.selection import get_version_or_404

TRAIN_PERMISSION = "mltasks.add_trainingrun"


class VerifyRequestSerializer(RequestSerializer):
    """Extent of a verification."""

    hashes_only = serializers.BooleanField(
        default=False, help_text="Check hashes without retraining. Required for an imported version."
    )


class FindingSerializer(serializers.Serializer[Any]):
    """Result of one check."""

    what = serializers.CharField(help_text="files, snapshot, images, weights, figures, signature or report.")
    holds = serializers.BooleanField()
    words = serializers.CharField(help_text="Explanation of the result.")


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    """Verification of a version: findings, time and requesting user (null for a command)."""

    by = serializers.CharField(source="by.username", allow_null=True, default=None)
    findings = FindingSerializer(many=True)

    class Meta:
        model = Verification
        fields = ["holds", "learned_again", "findings", "by", "created_at"]


class VerifyingRunSerializer(serializers.ModelSerializer[VerifyingRun]):
    """Verification run with its progress."""

    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)

    class Meta:
        model = VerifyingRun
        fields = [
            *("id", "state", "hashes_only", "requested_by", "attempt", "progress", "stage", "error"),
            *("created_at", "started_at", "finished_at"),
        ]


class VerificationStateSerializer(serializers.Serializer[Any]):
    """Newest verification and newest verification run of a version."""

    verification = VerificationSerializer(allow_null=True, help_text="Newest verification, by a worker or a command.")
    run = VerifyingRunSerializer(allow_null=True, help_text="Newest run of a worker.")


MayVerify = requires(TRAIN_PERMISSION, "You may not verify versions. Ask an admin to add you to a group.")


class VersionVerify(VersionStep):
    """Verification of one version."""

    def get_permissions(self) -> list[Any]:
        """Return the permissions: viewing versions for all methods, training for POST."""
        return [CanViewVersions(), MayVerify()] if self.request.method == "POST" else [CanViewVersions()]

    @extend_schema(
        tags=OPENAPI_TAGS, summary="The newest verification of a version", responses=VerificationStateSerializer
    )
    def get(self, request: Request, product: str, number: int) -> Response:
        """Return the newest verification and the newest verification run."""
        report = verification_report.load_report(get_version_or_404(product, number))
        return Response(VerificationStateSerializer({"verification": report.last, "run": report.run}).data)

    @step(
        VerifyRequestSerializer,
        {202: VerifyingRunSerializer},
        tags=OPENAPI_TAGS,
        summary="Queue a verification of a version",
    )
    def post(self, version: ModelVersion, **fields: Any) -> VerifyingRun:
        """Queue a verification of the version's files, snapshot and images, and its retraining.

        Requires the permission to train. While another verification is queued or running, the answer is 409.
        """
        run = verification_runs.start(version, by=current_user(self.request), **fields)
        run.refresh_from_db()  # the database set its time
        return run
