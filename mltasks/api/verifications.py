"""REST: have a version verified by a worker, and read what was found."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from mltasks.api.default_permission import CanViewVersions, requires
from mltasks.api.request_fields import RequestSerializer
from mltasks.api.steps import step
from mltasks.api.version_steps import VersionStep
from mltasks.api.versions import OPENAPI_TAGS
from mltasks.models import ModelVersion, Verification, VerifyingRun
from mltasks.reports import verification_report
from mltasks.training import verification_runs
from mltasks.web.access import current_user
from mltasks.web.selection import get_version_or_404

TRAIN_PERMISSION = "mltasks.add_trainingrun"


class VerifyRequestSerializer(RequestSerializer):
    """How thoroughly to look."""

    hashes_only = serializers.BooleanField(
        default=False, help_text="Learn nothing again; all that can be done with an imported version."
    )


class FindingSerializer(serializers.Serializer[Any]):
    """One thing that was looked at."""

    what = serializers.CharField(help_text="files, snapshot, images, weights, figures, signature or report.")
    holds = serializers.BooleanField()
    words = serializers.CharField(help_text="What was found.")


class VerificationSerializer(serializers.ModelSerializer[Verification]):
    """What a look at a version found, when, and who asked for it; null is a command."""

    by = serializers.CharField(source="by.username", allow_null=True, default=None)
    findings = FindingSerializer(many=True)

    class Meta:
        model = Verification
        fields = ["holds", "learned_again", "findings", "by", "created_at"]


class VerifyingRunSerializer(serializers.ModelSerializer[VerifyingRun]):
    """A worker's look at a version, and how far it is."""

    requested_by = serializers.CharField(source="requested_by.username", allow_null=True, default=None)

    class Meta:
        model = VerifyingRun
        fields = [
            *("id", "state", "hashes_only", "requested_by", "attempt", "progress", "stage", "error"),
            *("created_at", "started_at", "finished_at"),
        ]


class VerificationStateSerializer(serializers.Serializer[Any]):
    """What is known of a version, and who is looking."""

    verification = VerificationSerializer(allow_null=True, help_text="The newest, of a worker or of a command.")
    run = VerifyingRunSerializer(allow_null=True, help_text="The newest that a worker was asked for.")


MayVerify = requires(TRAIN_PERMISSION, "You may not have versions verified.")


class VersionVerify(VersionStep):
    """The verification of one version."""

    def get_permissions(self) -> list[Any]:
        """Whoever sees versions reads what was found; only those who may train ask for another look."""
        return [CanViewVersions(), MayVerify()] if self.request.method == "POST" else [CanViewVersions()]

    @extend_schema(
        tags=OPENAPI_TAGS, summary="The newest verification of a version", responses=VerificationStateSerializer
    )
    def get(self, request: Request, product: str, number: int) -> Response:
        """What the last look at the version found, and how far the newest run is."""
        found = verification_report.load_report(get_version_or_404(product, number))
        return Response(VerificationStateSerializer({"verification": found.last, "run": found.run}).data)

    @step(
        VerifyRequestSerializer,
        {202: VerifyingRunSerializer},
        tags=OPENAPI_TAGS,
        summary="Have a version verified by a worker",
    )
    def post(self, version: ModelVersion, **asked: Any) -> VerifyingRun:
        """Queue a look at its files, its snapshot and its images, and a second training, for those who may train. While
        another one is on its way it is answered 409."""
        run = verification_runs.start(version, by=current_user(self.request), **asked)
        run.refresh_from_db()  # the database set its time
        return run
