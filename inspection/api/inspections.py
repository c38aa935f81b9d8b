"""REST views that take parts, return their verdicts and list past inspections."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.authentication import SessionAuthentication, TokenAuthentication
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inspection.api.authentication import CanViewInspections, IsStation, StationKeyAuthentication, request_station
from inspection.api.filters import NewestFirstPagination, filter_inspections, visible_inspections
from inspection.api.openapi import IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED, INSPECTION_ID
from inspection.api.serializers import HistoryFilterSerializer, InspectionSerializer, PredictionSerializer
from inspection.api.throttles import StationThrottle
from inspection.intake import admission, intake
from inspection.models import Inspection, InspectionQuerySet, Station
from inspection.products.blind_parts import blind_parts
from inspection.requests.form_serializers import ImageFormSerializer, PartFormSerializer
from inspection.requests.parsers import MultiPartParser
from inspection.requests.uploads import framework_upload, read_submission
from inspection.scoring import deadlines, request_timing
from mltasks.registry.deadline_queue import SlotRequest

AUTHENTICATION_CLASSES = [StationKeyAuthentication, TokenAuthentication, SessionAuthentication]


def idempotency_replayed_header(outcomes: Sequence[Inspection | Exception]) -> dict[str, str]:
    """Return the ``Idempotency-Replayed`` header if an earlier request made all inspections."""
    repeated = bool(outcomes) and all(isinstance(part, Inspection) and part.already_received for part in outcomes)
    return {"Idempotency-Replayed": "true"} if repeated else {}


class IntakeView(APIView):
    """Base view of image intake: station key, rate limit and admission."""

    authentication_classes = AUTHENTICATION_CLASSES
    permission_classes: list[type[BasePermission]] = [IsStation]
    parser_classes = [MultiPartParser]
    throttle_classes = [StationThrottle]
    more_statuses = {"POST": (411, 422, 507)}
    arrived = 0.0
    waited = False
    _step_seconds: request_timing.StepTimes | None = None
    _admission_stack: ExitStack

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Handle the request; a POST holds its admission until the answer is complete."""
        self.arrived = time.perf_counter()
        if request.method != "POST":
            return super().dispatch(request, *args, **kwargs)
        with ExitStack() as self._admission_stack:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Wait for admission here, where exceptions become answers. Raises Overloaded."""
        if request.method == "POST":
            self._admit(request)
        super().initial(request, *args, **kwargs)

    def _admit(self, request: Request) -> None:
        """Wait in the order of deadlines; the station's key, one indexed query, says which one applies.

        A full line is refused before that query, and a sender without a valid key never waits.
        """
        admission.intake_admission.refuse_if_full()
        self.perform_authentication(request)
        self.check_permissions(request)
        slot = self.slot_request()
        self._admission_stack.enter_context(admission.intake_admission.acquire(slot))
        self.waited = slot.waited

    def slot_request(self) -> SlotRequest:
        """Return the request for admission."""
        return deadlines.slot_request(self.station, self.arrived)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Add the ``Server-Timing`` header if the request delivered an image."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self._step_seconds is not None:
            answer["Server-Timing"] = request_timing.server_timing_header(
                self._step_seconds, time.perf_counter() - self.arrived
            )
        return answer

    def receive_image(self, request: Request, form: type[ImageFormSerializer]) -> Inspection:
        """Read the submission and take it in. Raises the refusals of both steps."""
        with request_timing.record() as self._step_seconds:
            with request_timing.step(request_timing.RECEIVE):
                submission = read_submission(framework_upload(request), form, self.station, self.arrived)
            return intake.receive(replace(submission, waited=self.waited))

    @property
    def station(self) -> Station:
        """Return the station that sent the request; IsStation admits only stations."""
        return cast(Station, request_station(self.request))


@extend_schema_view(
    get=extend_schema(
        operation_id="inspections_list",
        description="Return inspections, newest first. A station gets those of its product.",
        parameters=[HistoryFilterSerializer],
        responses={200: InspectionSerializer(many=True)},
    )
)
class InspectionCollection(IntakeView, ListAPIView[Inspection]):
    """List of inspections and intake of new ones."""

    serializer_class = InspectionSerializer
    pagination_class = NewestFirstPagination

    def get_permissions(self) -> list[Any]:
        """Allow stations to send, and stations and people to read."""
        return [IsStation()] if self.request.method == "POST" else [CanViewInspections()]

    def get_queryset(self) -> InspectionQuerySet:
        """Return the inspections that the sender may see and that match the filters."""
        return filter_inspections(
            visible_inspections(self.request), self.request.query_params, blind_parts(self.request.user)
        )

    def get_serializer_context(self) -> dict[str, Any]:
        """Add the parts that the sender judges blind, whose model output is hidden."""
        return {**super().get_serializer_context(), "blind": blind_parts(self.request.user)}

    @extend_schema(
        operation_id="inspections_create",
        request={"multipart/form-data": PartFormSerializer},
        parameters=[IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED],
        responses={201: InspectionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store one image of a part, score it, and return its verdict."""
        inspection = self.receive_image(request, PartFormSerializer)
        return Response(
            InspectionSerializer(inspection).data, status=201, headers=idempotency_replayed_header([inspection])
        )


class Predict(IntakeView):
    """Intake by the original ``/predict`` interface."""

    @extend_schema(
        operation_id="predict",
        request={"multipart/form-data": ImageFormSerializer},
        parameters=[IDEMPOTENCY_KEY, IDEMPOTENCY_REPLAYED],
        responses={200: PredictionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store and score one image, and return the five fields of the `/predict` interface.

        If no version could score the part, the numbers are null and the label is FAIL: an unscored part must not pass.
        """
        inspection = self.receive_image(request, ImageFormSerializer)
        return Response(PredictionSerializer(inspection).data, headers=idempotency_replayed_header([inspection]))


class InspectionView(APIView):
    """Base view of a single inspection."""

    authentication_classes = AUTHENTICATION_CLASSES
    permission_classes: list[type[BasePermission]] = [CanViewInspections]

    def get_inspection(self, inspection_id: str) -> Inspection:
        """Return the inspection if the sender may see it. Raises Http404."""
        return get_object_or_404(visible_inspections(self.request), pk=inspection_id)


class InspectionDetail(InspectionView):
    """One inspection."""

    @extend_schema(
        operation_id="inspections_retrieve",
        parameters=[INSPECTION_ID],
        responses={200: InspectionSerializer},
    )
    def get(self, request: Request, inspection_id: str) -> Response:
        """Return one inspection with its verdict."""
        context = {"blind": blind_parts(request.user)}
        return Response(InspectionSerializer(self.get_inspection(inspection_id), context=context).data)
