"""Intake of several images of one request; a refused image does not affect the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from django.db import InterfaceError, OperationalError

from inspection.intake.submission import Submission
from inspection.models import Inspection
from mltasks.refusals import Refusal
from mltasks.vision.data.image_header import ImageError

DATABASE_ERRORS = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Result of one image of a batch: its inspection or its refusal."""

    filename: str
    inspection: Inspection | None = None
    trouble: Exception | None = None


class NotAttempted(Refusal):
    """Refusal of an image that was not tried because the database is unreachable."""

    code = "database_unavailable"
    status = 503


def receive_each(
    submissions: Iterable[Submission], receive: Callable[[Submission], Inspection]
) -> Iterator[BatchResult]:
    """Receive the images in order and yield refusals as results.

    Once the database is unreachable, no further image is tried. Program errors are raised; images received before are
    stored, and requests with the same keys return their inspections.
    """
    away = False
    for submission in submissions:
        name = submission.filename
        if away:
            yield BatchResult(name, trouble=not_attempted())
            continue
        try:
            # The wait for earlier images does not count as this image's latency.
            yield BatchResult(name, receive(replace(submission, arrived=time.perf_counter())))
        except (Refusal, ImageError) as trouble:
            yield BatchResult(name, trouble=trouble)
        except DATABASE_ERRORS:
            away = True
            yield BatchResult(name, trouble=not_attempted())


def not_attempted() -> NotAttempted:
    """Return the refusal of the images after a database failure."""
    return NotAttempted("The database cannot be reached. Send it again in a few seconds.", retry_after=5)
