"""Limit of concurrent intake requests in a process; the earliest deadline is admitted first.

Excess requests are refused before memory grows, and may be sent again. A waiting request holds a thread and its body,
which the web server keeps in a file, but no database connection. A request that would miss its deadline stops waiting:
it is stored, and answered without scores, one such request at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _
from prometheus_client import Counter, Gauge

from inspection.refusals import Overloaded
from mltasks.registry.deadline_queue import DeadlineQueue, SlotRequest

_WAITING = Gauge(
    "second_look_intake_waiting",
    "Intake requests that wait for admission.",
    multiprocess_mode="livesum",
)
_REFUSED = Counter("second_look_intake_refused", "Intake requests that were refused because too many waited.")
# Weight of the newest request in the running mean of request seconds.
SMOOTHING_FACTOR = 0.2


class Admission:
    """Limit of ``turns`` concurrent requests.

    ``waiting`` more may wait, each for at most ``patience`` seconds.
    """

    def __init__(self, turns: int, waiting: int, patience: float) -> None:
        self._turns, self._max_waiting, self._patience = turns, waiting, patience
        self._lock = threading.Lock()
        self._free, self._waiting = turns, 0
        self._queue = DeadlineQueue(self._take_turn)
        # An extra turn for requests that are too late to be scored: storing an image takes a fraction of its scoring.
        self._late_turn = threading.Semaphore(1)
        self._mean_seconds = 0.2  # seconds a request takes

    def refuse_if_full(self) -> None:
        """Raise Overloaded if a new request could not even wait; costs no query."""
        with self._lock:
            if self._free <= 0 and self._waiting >= self._max_waiting:
                raise self._overloaded()

    @contextmanager
    def acquire(self, request: SlotRequest | None = None) -> Iterator[None]:
        """Hold one of the turns during the block; wait for a free turn first, by the request's deadline.

        A request that gives up (``is_too_late``) gets the extra turn instead, to be stored without scores. Raises
        Overloaded if too many requests wait or the wait is too long.
        """
        request = request or SlotRequest()
        late = not self._enter(request)
        begun = time.monotonic()
        try:
            yield
        finally:
            if late:
                self._late_turn.release()
            else:
                self._leave(time.monotonic() - begun)

    def _enter(self, request: SlotRequest) -> bool:
        """Wait for a turn. False if the request got the extra turn."""
        with self._lock:
            if self._free > 0 and not self._waiting:
                self._free -= 1
                return True
            if self._waiting >= self._max_waiting:
                raise self._overloaded()
            self._waiting += 1
        _WAITING.inc()
        try:
            if not connection.in_atomic_block:
                connection.close()  # returned to the pool until the turn comes
            return self._wait(request)
        finally:
            _WAITING.dec()
            with self._lock:
                self._waiting -= 1

    def _wait(self, request: SlotRequest) -> bool:
        until = time.perf_counter() + self._patience
        if self._queue.acquire(request, until) is not None:
            return True
        if request.is_too_late and self._late_turn.acquire(timeout=max(0.0, until - time.perf_counter())):
            return False
        with self._lock:
            raise self._overloaded()

    def _take_turn(self) -> bool | None:
        with self._lock:
            if self._free <= 0:
                return None
            self._free -= 1
            return True

    def _leave(self, seconds: float) -> None:
        with self._lock:
            self._free += 1
            self._mean_seconds += SMOOTHING_FACTOR * (seconds - self._mean_seconds)
        self._queue.wake()

    def _overloaded(self) -> Overloaded:
        _REFUSED.inc()
        # Expected time until half of the waiting requests are done.
        seconds = round(self._mean_seconds * self._waiting / self._turns / 2)
        text = _("Too many images arrive at once. This image was not stored. Send it again in {seconds} s.")
        after = min(30, max(1, seconds))
        return Overloaded(text.format(seconds=after), retry_after=after)


intake_admission = Admission(settings.INTAKE_TURNS, settings.INTAKE_WAITING, settings.INTAKE_PATIENCE)
