"""Parts that are judged by two people, and products of which all are."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from inspection.models import Inspection
from labeling.models import Label, Recheck
from labeling.queue import queue
from labeling.review import review


def review_part(part: Inspection, by: User, verdict: str, **answer: Any) -> Label:
    """The person's verdict from the queue."""
    return review.resolve(queue.claim_part(part, reviewer=by), verdict=verdict, **answer)


def open_recheck_of(part: Inspection) -> Recheck:
    """The part's one open recheck."""
    return Recheck.objects.open().get(inspection=part)
