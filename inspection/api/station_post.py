"""Station's POST of one image without the frameworks' layers: the same steps as `IntakeView`, in the same order."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast

from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_api_key.permissions import KeyParser

from inspection.api.authentication import check_key
from inspection.api.errors import exception_handler
from inspection.api.inspections import idempotency_replayed_header
from inspection.api.serializers import PredictionSerializer, inspection_json
from inspection.api.throttles import StationThrottle
from inspection.intake import admission, intake
from inspection.models import Inspection, StationKey
from inspection.requests.form_serializers import ImageFormSerializer, PartFormSerializer
from inspection.requests.uploads import Upload, read_submission
from inspection.scoring import deadlines, request_timing


@dataclass(frozen=True, slots=True)
class Intake:
    """Kind of intake: its form, status and JSON, with the view's name and methods."""

    view: str
    allow: str
    form: type[ImageFormSerializer]
    status: int
    to_json: Callable[[Inspection], Any]


INSPECTIONS = Intake("inspections", "GET, POST, HEAD, OPTIONS", PartFormSerializer, 201, inspection_json)
PREDICT = Intake("predict", "POST, OPTIONS", ImageFormSerializer, 200, lambda part: PredictionSerializer(part).data)


def answer_post(intake_kind: Intake, upload: Upload, key: str) -> Response:
    """Receive the upload of the station with this key and return the answer, which is not rendered.

    Raises ``django.db.Error`` if the database is unreachable, and program errors.
    """
    arrived = time.perf_counter()
    steps: request_timing.StepTimes | None = None
    try:
        admission.intake_admission.refuse_if_full()
        station_key = _authenticate(key)
        slot = deadlines.slot_request(station_key.station, arrived)
        with admission.intake_admission.acquire(slot):
            _count_request(station_key)
            with request_timing.record() as steps:
                with request_timing.step(request_timing.RECEIVE):
                    submission = read_submission(upload, intake_kind.form, station_key.station, arrived)
                part = intake.receive(replace(submission, waited=slot.waited))
            shown = intake_kind.to_json(part)
            response = Response(shown, intake_kind.status, headers=idempotency_replayed_header([part]))
    except Exception as error:
        refused = exception_handler(error, {})
        if refused is None:
            raise
        response = refused
    response["Allow"] = intake_kind.allow
    if steps is not None:
        response["Server-Timing"] = request_timing.server_timing_header(steps, time.perf_counter() - arrived)
    return response


def _authenticate(key: str) -> StationKey:
    """Return the key's row. Raises AuthenticationFailed."""
    try:
        return check_key(key)
    except AuthenticationFailed as error:
        error.auth_header = KeyParser.keyword  # type: ignore[attr-defined]
        raise


def _count_request(station_key: StationKey) -> None:
    """Count the request against the station's rate limit. Raises Throttled."""
    throttle, request = StationThrottle(), cast(Request, SimpleNamespace(auth=station_key))
    if not throttle.allow_request(request, None):  # type: ignore[arg-type]
        raise Throttled(throttle.wait())
