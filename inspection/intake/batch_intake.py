"""Several images in one request, each taken on its own: one that is refused costs no other its place."""

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
    """Result of one image of a batch: its inspection, or why there is none."""

    filename: str
    inspection: Inspection | None = None
    trouble: Exception | None = None


class NotAttempted(Refusal):
    """The database went away before this image's turn."""

    code = "database_unavailable"
    status = 503


def receive_each(
    submissions: Iterable[Submission], receive: Callable[[Submission], Inspection]
) -> Iterator[BatchResult]:
    """Receive one after the other. Refused images are told, never raised; once the database is away no other is tried.

    Faults of ours are raised: what was taken before is stored, and the same keys give its answers again.
    """
    away = False
    for submission in submissions:
        name = submission.filename
        if away:
            yield BatchResult(name, trouble=not_attempted())
            continue
        try:
            # The wait for the images before it is no latency of this one.
            yield BatchResult(name, receive(replace(submission, arrived=time.perf_counter())))
        except (Refusal, ImageError) as trouble:
            yield BatchResult(name, trouble=trouble)
        except DATABASE_ERRORS:
            away = True
            yield BatchResult(name, trouble=not_attempted())


def not_attempted() -> NotAttempted:
    """The refusal of all that follows a lost database."""
    return NotAttempted("The database is away. Send it again in a few seconds.", retry_after=5)
