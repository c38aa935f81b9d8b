"""REST: up to 64 parts in one request, each answered on its own."""

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
from inspection.intake import batch_intake, intake
from inspection.requests.batch_uploads import MAX_KEY_LENGTH, read_batch
from inspection.requests.form_serializers import BatchFormSerializer
from inspection.scoring import request_timing


class InspectionBatch(IntakeView):
    """The way in for cameras that send several parts at a time."""

    @extend_schema(
        operation_id="inspections_create_batch",
        request={"multipart/form-data": BatchFormSerializer},
        parameters=[
            idempotency_key_parameter(
                MAX_KEY_LENGTH, "Same key and same body: the first answers again, image by image."
            ),
            IDEMPOTENCY_REPLAYED,
        ],
        responses={200: BatchAnswerSerializer},
    )
    def post(self, request: Request) -> Response:
        """Store and score up to 64 images. 200 means that each has its own status: 201 with the inspection, or an
        error with `code` and `detail`, in the order in which they were sent; a bad image fails alone."""
        with request_timing.record() as self._step_seconds:
            with request_timing.step(request_timing.RECEIVE):
                submissions = read_batch(request, self.station)
            for throttle in self._throttles:
                throttle.count_images(len(submissions) - 1)
            results = list(batch_intake.receive_each(submissions, intake.receive))
        headers = idempotency_replayed_header([result.inspection for result in results])
        return Response({"results": [self._result_json(result) for result in results]}, headers=headers)

    def get_throttles(self) -> list[Any]:
        """Those that let this request in: an image of it counts as much as one that comes alone."""
        self._throttles = [StationThrottle()]
        return list(self._throttles)

    def _result_json(self, result: batch_intake.BatchResult) -> dict[str, Any]:
        if result.inspection is not None:
            part = result.inspection
            shown = InspectionSerializer(part).data
            return {"file": result.filename, "status": 201, "replayed": part.already_received, "inspection": shown}
        assert result.trouble is not None  # noqa: S101 (one or the other)
        answer = exception_handler(result.trouble, {})
        if answer is None:
            raise result.trouble
        said = {"file": result.filename, "status": answer.status_code, "error": answer.data}
        return said | ({"retry_after": int(answer["Retry-After"])} if "Retry-After" in answer else {})
