"""Several images in one request, each taken on its own: one that is refused costs no other its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError

from inspection.intake.submission import Upload
from inspection.models import Inspection
from mltasks.refusals import Refusal
from mltasks.vision.data.image_header import ImageError

Away = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one image of a batch: its inspection, or why there is none."""

    title: str
    inspection: Inspection | None = None
    trouble: Exception | None = None


class NotTried(Refusal):
    """The database went away before this image's turn."""

    code = "database_unavailable"
    status = 503


def take_each(uploads: Iterable[Upload], take: Callable[[Upload], Inspection]) -> Iterator[Taken]:
    """Take one after the other. Refused images are told, never raised; once the database is away no other is tried.

    Faults of ours are raised: what was taken before is stored, and the same keys give its answers again.
    """
    away = False
    for upload in uploads:
        if away:
            yield Taken(upload.title, trouble=not_tried())
            continue
        try:
            yield Taken(upload.title, take(upload))
        except (Refusal, ImageError) as trouble:
            yield Taken(upload.title, trouble=trouble)
        except Away:
            away = True
            yield Taken(upload.title, trouble=not_tried())


def not_tried() -> NotTried:
    """The refusal of all that follows a lost database."""
    return NotTried("The database is away. Send it again in a few seconds.", retry_after=5)
