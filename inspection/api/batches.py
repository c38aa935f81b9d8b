"""REST view that takes up to 64 parts in one request, each with its own answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from inspection.api.errors import exception_handler
from inspection.api.inspections import IntakeView, idempotency_replayed_header
from inspection.api.openapi import IDEMPOTENCY_REPLAYED, idempotency_key_parameter
from inspection.api.serializers import BatchAnswerSerializer, InspectionSerializer
from inspection.api.throttles import StationThrottle
from inspection.intake import intake
from inspection.models import Inspection
from inspection.requests.form_serializers import BatchFormSerializer
from inspection.requests.uploads import MAX_BATCH_KEY_LENGTH, read_batch
from inspection.scoring import request_timing
from mltasks.registry.deadline_queue import SlotRequest


class InspectionBatch(IntakeView):
    """Intake of several parts in one request."""

    @extend_schema(
        operation_id="inspections_create_batch",
        request={"multipart/form-data": BatchFormSerializer},
        parameters=[
            idempotency_key_parameter(
                MAX_BATCH_KEY_LENGTH, "A request with the same key and body gets the first answer of each image again."
            ),
            IDEMPOTENCY_REPLAYED,
        ],
        responses={200: BatchAnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store and score up to 64 images of one request.

        Status 200 means that each image has its own status, in the order sent: 201 with the inspection, or an error
        with `code` and `detail`. An invalid image does not affect the others.
        """
        with request_timing.record() as self._step_seconds:
            with request_timing.step(request_timing.RECEIVE):
                submissions = read_batch(request, self.station)
            for throttle in self._throttles:
                throttle.count_images(len(submissions) - 1)
            outcomes = list(intake.receive_each(submissions))
        results = [_result_json(sent.filename, outcome) for sent, outcome in zip(submissions, outcomes, strict=True)]
        return Response({"results": results}, headers=idempotency_replayed_header(outcomes))

    def slot_request(self) -> SlotRequest:
        """Return a request that never gives up: the deadline of each image begins with its own turn."""
        return SlotRequest(super().slot_request().deadline)

    def get_throttles(self) -> list[Any]:
        """Return the throttles and keep them: each image of a batch counts as one request."""
        self._throttles = [StationThrottle()]
        return list(self._throttles)


def _result_json(filename: str, outcome: Inspection | Exception) -> dict[str, Any]:
    if isinstance(outcome, Inspection):
        shown = InspectionSerializer(outcome).data
        return {"file": filename, "status": 201, "replayed": outcome.already_received, "inspection": shown}
    answer = exception_handler(outcome, {})
    if answer is None:
        raise outcome
    result = {"file": filename, "status": answer.status_code, "error": answer.data}
    return result | ({"retry_after": int(answer["Retry-After"])} if "Retry-After" in answer else {})
