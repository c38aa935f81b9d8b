"""REST views of a product's versions, reports, promotions and training runs."""

from __future__ import annotations

import mimetypes
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from mltasks.api.cursor_pages import TimestampCursorPagination
from mltasks.api.default_permission import CanViewVersions, requires
from mltasks.api.serializers import (
    PromotionRequestSerializer,
    PromotionSerializer,
    RollbackRequestSerializer,
    RunDetailSerializer,
    RunSerializer,
    VersionSerializer,
)
from mltasks.api.steps import StepView, step
from mltasks.models import ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.reports.report_files import public_files, report_json
from mltasks.vision.evaluation.chart_colors import add_light_theme
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.web.access import current_user
from mltasks.web.selection import get_version_or_404

# Plots contain names from files: a plot must not execute anything, even when opened directly.
_FIGURE_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
OPENAPI_TAGS = ["models"]


MayPromote = requires(registry.PROMOTE_PERMISSION, "You may not promote versions. Ask an admin to add you to a group.")


class FilesDamaged(Refusal):
    """Refusal of a version whose files are damaged."""

    code = "bundle_corrupt"


class VersionStep(StepView):
    """Base of steps on one version."""

    permission_classes = [CanViewVersions, MayPromote]

    def target(self, *, product: str, number: int) -> ModelVersion:
        """Return the addressed version. Raises Http404."""
        return get_version_or_404(product, number)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a damaged version as a refusal."""
        return super().handle_exception(FilesDamaged(str(exc)) if isinstance(exc, BundleCorrupt) else exc)


class NewestFirstPagination(TimestampCursorPagination):
    """Pagination with the newest first, 100 per page."""

    ordering = ("-created_at", "-id")
    page_size = 100


@extend_schema(tags=OPENAPI_TAGS, summary="Versions of a product, newest first")
class VersionList(ListAPIView[ModelVersion]):
    """List of a product's versions with their figures, newest first."""

    serializer_class = VersionSerializer
    pagination_class = NewestFirstPagination
    queryset = ModelVersion.objects.none()

    def get_queryset(self) -> QuerySet[ModelVersion]:
        """Return the versions of the addressed product. Raises Http404 for an unknown product."""
        model = get_object_or_404(RegisteredModel, name=self.kwargs["product"])
        related = ("promotions__by", "promotions__previous", "promotions__model", "promotions__version")
        return ModelVersion.objects.filter(model=model).with_metrics().prefetch_related(*related)


class VersionDetail(APIView):
    """One version."""

    @extend_schema(tags=OPENAPI_TAGS, summary="One version", responses=VersionSerializer)
    def get(self, request: Request, product: str, number: int) -> Response:
        """Return one version with its labels and figures."""
        version = get_object_or_404(ModelVersion.objects.with_metrics(), model__name=product, number=number)
        return Response(VersionSerializer(version).data)


class VersionReportView(APIView):
    """Report of one version."""

    @extend_schema(tags=OPENAPI_TAGS, summary="The report of a version", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, product: str, number: int) -> Response:
        """Return all figures with counts, intervals and the evaluation protocol."""
        return Response(report_json(get_version_or_404(product, number)))


class VersionPromote(VersionStep):
    """Promotion of a version to champion."""

    @step(PromotionRequestSerializer, {201: PromotionSerializer}, tags=OPENAPI_TAGS, summary="Make a version champion")
    def post(self, version: ModelVersion, **fields: Any) -> Promotion:
        """Make the version champion. A retired version can be promoted, too.

        Requires the permission to promote.
        """
        return registry.promote(version, by=current_user(self.request), **fields)


class VersionRollback(VersionStep):
    """Rollback to a former champion."""

    @step(
        RollbackRequestSerializer,
        {201: PromotionSerializer},
        tags=OPENAPI_TAGS,
        summary="Roll back to a former champion",
    )
    def post(self, version: ModelVersion, **fields: Any) -> Promotion:
        """Make a former champion champion again.

        Requires the permission to promote. A version that was never champion is answered 409.
        """
        return registry.roll_back(version, by=current_user(self.request), **fields)


class VersionFile(APIView):
    """Plot or picture of a version's report."""

    more_statuses = {"GET": (304,)}

    @extend_schema(tags=OPENAPI_TAGS, summary="A figure of a report", responses={(200, "image/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, product: str, number: int, path: str) -> HttpResponse:
        """Return a file that the version's manifest lists below ``plots/`` or ``worst/``.

        Any other path is answered 404.
        """
        version = get_version_or_404(product, number)
        if path not in public_files(version) or not (version.path / path).is_file():
            raise Http404
        etag = f'"{version.sha256[:32]}-themed"'
        if request.headers.get("If-None-Match") == etag:
            answer: HttpResponse = HttpResponseNotModified()
        else:
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            content = (version.path / path).read_bytes()
            # Plots of earlier versions have dark colors only; their stored bytes and hashes stay.
            answer = HttpResponse(add_light_theme(content) if path.endswith(".svg") else content, content_type=kind)
        answer["ETag"] = etag
        answer["Content-Security-Policy"] = _FIGURE_CSP
        return answer


@extend_schema(tags=OPENAPI_TAGS, summary="Training runs of a product, newest first")
class RunList(ListAPIView[TrainingRun]):
    """List of a product's training runs with their progress, newest first."""

    serializer_class = RunSerializer
    pagination_class = NewestFirstPagination
    queryset = TrainingRun.objects.none()

    def get_queryset(self) -> QuerySet[TrainingRun]:
        """Return the runs of the addressed product. Raises Http404 for an unknown product."""
        model = get_object_or_404(RegisteredModel, name=self.kwargs["product"])
        heavy = ("log", "epochs", "config")
        related = ("model", "snapshot", "version", "requested_by")
        return TrainingRun.objects.filter(model=model).select_related(*related).defer(*heavy)


@extend_schema(tags=OPENAPI_TAGS, summary="One training run")
class RunDetail(RetrieveAPIView[TrainingRun]):
    """Training run with the metrics of each epoch, its log and its settings, updated live."""

    serializer_class = RunDetailSerializer
    queryset = TrainingRun.objects.none()

    def get_queryset(self) -> QuerySet[TrainingRun]:
        """Return the runs of the addressed product."""
        related = ("model", "snapshot", "version", "requested_by")
        return TrainingRun.objects.filter(model__name=self.kwargs["product"]).select_related(*related)
