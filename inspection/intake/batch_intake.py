"""Intake of several images of one request; a refused image does not affect the others."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from django.db import InterfaceError, OperationalError

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Inspection
from mltasks.refusals import Refusal
from mltasks.vision.data.image_header import ImageError


class NotAttempted(Refusal):
    """Refusal of an image that was not tried because the database is unreachable."""

    code = "database_unavailable"
    status = 503


def receive_each(submissions: Iterable[Submission]) -> Iterator[Inspection | Exception]:
    """Receive the images in order; yield the inspection or the refusal of each.

    Once the database is unreachable, no further image is tried. Program errors are raised; images received before are
    stored, and requests with the same keys return their inspections.
    """
    not_attempted: NotAttempted | None = None
    for submission in submissions:
        if not_attempted is not None:
            yield not_attempted
            continue
        try:
            # The wait for earlier images does not count as this image's latency.
            yield intake.receive(replace(submission, arrived=time.perf_counter()))
        except (Refusal, ImageError) as refusal:
            yield refusal
        except (OperationalError, InterfaceError):
            not_attempted = NotAttempted(
                "The database cannot be reached. Send it again in a few seconds.", retry_after=5
            )
            yield not_attempted
