"""Deadlines of answers: which one applies, when a request gives up, and how long answers took.

A deadline counts from the request's arrival. It applies to the parts that stations send, the station's before the
product's; a photo on the dashboard has none.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque

from prometheus_client import Counter, Histogram

from inspection.models import DeadlineAction, Inspection, Station
from mltasks.registry.deadline_queue import DEFAULT_SECONDS, SlotRequest

# Newest parts of this process whose median says how long scoring takes.
RECENT_PARTS = 31

_LATENCY = Histogram(
    "second_look_station_latency_seconds",
    "Time from the arrival of a station's request to its verdict.",
    ["product", "station"],
    buckets=(0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10),
)
_DEADLINES = Counter(
    "second_look_deadlines", "Answers that had a deadline, by whether it was kept.", ["product", "station", "kept"]
)


class RecentMedian:
    """Median of the newest ``RECENT_PARTS`` durations, in seconds; 0 before the first. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque(maxlen=RECENT_PARTS)

    def add(self, seconds: float) -> None:
        """Add the newest duration."""
        with self._lock:
            self._seconds.append(seconds)

    def value(self) -> float:
        """Return the median."""
        with self._lock:
            return statistics.median(self._seconds) if self._seconds else 0.0


# From the slot to the written verdict
scoring_seconds = RecentMedian()


def applied_deadline_ms(station: Station | None) -> int | None:
    """Return the deadline of a station's parts in milliseconds; None without one."""
    if station is None:
        return None
    own: int | None = station.deadline_ms
    of_product: int | None = station.product.deadline_ms
    return of_product if own is None else own


def slot_request(station: Station | None, arrived: float, *, waited: bool = False) -> SlotRequest:
    """Return the request for a slot of a part that ``arrived`` at this time of ``time.perf_counter``.

    If the product wants a review instead of a late answer, the request gives up as soon as the time left is shorter
    than scoring recently took. ``waited`` says that the part has already waited for its admission.
    """
    deadline_ms = applied_deadline_ms(station)
    if station is None or deadline_ms is None:
        return SlotRequest(arrived + DEFAULT_SECONDS, waited=waited)
    request = SlotRequest(arrived + deadline_ms / 1000, waited=waited)
    if station.product.deadline_action == DeadlineAction.REVIEW:
        request.give_up_at = request.deadline - scoring_seconds.value()
    return request


def record_scoring(request: SlotRequest) -> None:
    """Count the time since the slot as the newest scoring time; nothing for a part that got no slot."""
    if request.acquired_at is not None:
        scoring_seconds.add(time.perf_counter() - request.acquired_at)


def record_answer(part: Inspection) -> None:
    """Add the latency of a station's decided part, and its deadline, to the metrics."""
    if part.station is None or part.latency_ms is None:
        return
    labels = part.product.slug, part.station.name
    _LATENCY.labels(*labels).observe(part.latency_ms / 1000)
    if part.deadline_kept is not None:
        _DEADLINES.labels(*labels, "yes" if part.deadline_kept else "no").inc()
