"""REST: versions, reports, promotions and training runs of a product."""

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
from mltasks.api.serializers import (
    PromotionRequestSerializer,
    PromotionSerializer,
    RollbackRequestSerializer,
    RunDetailSerializer,
    RunSerializer,
    VersionSerializer,
)
from mltasks.api.steps import step
from mltasks.api.version_steps import VersionStep
from mltasks.models import ModelVersion, Promotion, RegisteredModel, TrainingRun
from mltasks.registry import registry
from mltasks.reports.figure_themes import add_light_theme
from mltasks.reports.report_files import public_files, report_json
from mltasks.web.access import current_user
from mltasks.web.selection import get_version_or_404

# A figure is drawn by us, but names in it come from files: it must not run anything even when opened by itself.
_FIGURE_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
OPENAPI_TAGS = ["models"]


class NewestFirstPagination(TimestampCursorPagination):
    """Newest first, a hundred a page."""

    ordering = ("-created_at", "-id")
    page_size = 100


@extend_schema(tags=OPENAPI_TAGS, summary="Versions of a product, newest first")
class VersionList(ListAPIView[ModelVersion]):
    """The versions of a product with their figures, newest first."""

    serializer_class = VersionSerializer
    pagination_class = NewestFirstPagination
    queryset = ModelVersion.objects.none()

    def get_queryset(self) -> QuerySet[ModelVersion]:
        """Those of the product in the address. Raises Http404 for a product there is none of."""
        model = get_object_or_404(RegisteredModel, name=self.kwargs["product"])
        people = ("promotions__by", "promotions__previous", "promotions__model", "promotions__version")
        return ModelVersion.objects.filter(model=model).with_metrics().prefetch_related(*people)


class VersionDetail(APIView):
    """One version."""

    @extend_schema(tags=OPENAPI_TAGS, summary="One version", responses=VersionSerializer)
    def get(self, request: Request, product: str, number: int) -> Response:
        """One version with its labels and figures."""
        found = ModelVersion.objects.with_metrics().filter(model__name=product, number=number)
        return Response(VersionSerializer(get_object_or_404(found)).data)


class VersionReportView(APIView):
    """The report of one version."""

    @extend_schema(tags=OPENAPI_TAGS, summary="The report of a version", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, product: str, number: int) -> Response:
        """All figures with counts, intervals and the protocol they were measured by."""
        return Response(report_json(get_version_or_404(product, number)))


class VersionPromote(VersionStep):
    """Make a version champion."""

    @step(PromotionRequestSerializer, {201: PromotionSerializer}, tags=OPENAPI_TAGS, summary="Make a version champion")
    def post(self, version: ModelVersion, **asked: Any) -> Promotion:
        """Make the version champion, for those who may. A retired version comes back the same way."""
        return registry.promote(version, by=current_user(self.request), **asked)


class VersionRollback(VersionStep):
    """Bring a former champion back."""

    @step(
        RollbackRequestSerializer,
        {201: PromotionSerializer},
        tags=OPENAPI_TAGS,
        summary="Roll back to a former champion",
    )
    def post(self, version: ModelVersion, **asked: Any) -> Promotion:
        """Bring a former champion back, for those who may; a version that never was champion is answered 409."""
        return registry.roll_back(version, by=current_user(self.request), **asked)


class VersionFile(APIView):
    """A figure or a picture of a version's report."""

    more_statuses = {"GET": (304,)}

    @extend_schema(tags=OPENAPI_TAGS, summary="A figure of a report", responses={(200, "image/*"): OpenApiTypes.BINARY})
    def get(self, request: Request, product: str, number: int, path: str) -> HttpResponse:
        """A file that the version's manifest lists below ``plots/`` or ``worst/``; 404 for any other."""
        version = get_version_or_404(product, number)
        if path not in public_files(version) or not (version.path / path).is_file():
            raise Http404
        etag = f'"{version.sha256[:32]}-themed"'
        if request.headers.get("If-None-Match") == etag:
            answer: HttpResponse = HttpResponseNotModified()
        else:
            kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
            content = (version.path / path).read_bytes()
            answer = HttpResponse(add_light_theme(content) if path.endswith(".svg") else content, content_type=kind)
        answer["ETag"] = etag
        answer["Content-Security-Policy"] = _FIGURE_CSP
        return answer


@extend_schema(tags=OPENAPI_TAGS, summary="Training runs of a product, newest first")
class RunList(ListAPIView[TrainingRun]):
    """The runs of a product and how far they are, newest first."""

    serializer_class = RunSerializer
    pagination_class = NewestFirstPagination
    queryset = TrainingRun.objects.none()

    def get_queryset(self) -> QuerySet[TrainingRun]:
        """Those of the product in the address. Raises Http404 for a product there is none of."""
        model = get_object_or_404(RegisteredModel, name=self.kwargs["product"])
        heavy = ("log", "epochs", "config")
        related = ("model", "snapshot", "version", "requested_by")
        return TrainingRun.objects.filter(model=model).select_related(*related).defer(*heavy)


@extend_schema(tags=OPENAPI_TAGS, summary="One training run")
class RunDetail(RetrieveAPIView[TrainingRun]):
    """One run with the metrics of each epoch, its log and its settings, live."""

    serializer_class = RunDetailSerializer
    queryset = TrainingRun.objects.none()

    def get_queryset(self) -> QuerySet[TrainingRun]:
        """Those of the product in the address."""
        related = ("model", "snapshot", "version", "requested_by")
        return TrainingRun.objects.filter(model__name=self.kwargs["product"]).select_related(*related)
