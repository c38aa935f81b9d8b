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
from inspection.intake import batch_intake, intake
from inspection.requests.batch_uploads import MAX_KEY_LENGTH, read_batch
from inspection.requests.form_serializers import BatchFormSerializer
from inspection.scoring import request_timing


class InspectionBatch(IntakeView):
    """Intake of several parts in one request."""

    @extend_schema(
        operation_id="inspections_create_batch",
        request={"multipart/form-data": BatchFormSerializer},
        parameters=[
            idempotency_key_parameter(
                MAX_KEY_LENGTH, "A request with the same key and body gets the first answer of each image again."
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
            results = list(batch_intake.receive_each(submissions, intake.receive))
        headers = idempotency_replayed_header([result.inspection for result in results])
        return Response({"results": [self._result_json(result) for result in results]}, headers=headers)

    def get_throttles(self) -> list[Any]:
        """Return the throttles and keep them: each image of a batch counts as one request."""
        self._throttles = [StationThrottle()]
        return list(self._throttles)

    def _result_json(self, result: batch_intake.BatchResult) -> dict[str, Any]:
        if result.inspection is not None:
            part = result.inspection
            shown = InspectionSerializer(part).data
            return {"file": result.filename, "status": 201, "replayed": part.already_received, "inspection": shown}
        assert result.trouble is not None  # noqa: S101 (a result has an inspection or a refusal)
        answer = exception_handler(result.trouble, {})
        if answer is None:
            raise result.trouble
        said = {"file": result.filename, "status": answer.status_code, "error": answer.data}
        return said | ({"retry_after": int(answer["Retry-After"])} if "Retry-After" in answer else {})
