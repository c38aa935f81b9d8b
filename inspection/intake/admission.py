"""Limit of concurrent intake requests in a process.

Excess requests are refused before memory grows, and may be sent again. A waiting request holds a thread and its body,
which the web server keeps in a file, but no database connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.utils.translation import gettext as _
from prometheus_client import Counter, Gauge

from inspection.refusals import Overloaded

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
        self._slots = threading.Semaphore(turns)
        self._lock = threading.Lock()
        self._waiting = 0
        self._mean_seconds = 0.2  # seconds a request takes

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Hold one of the slots during the block; wait for a free slot first.

        Raises Overloaded if too many requests wait or the wait is too long.
        """
        if not self._slots.acquire(blocking=False):
            self._wait()
        begun = time.monotonic()
        try:
            yield
        finally:
            self._slots.release()
            with self._lock:
                self._mean_seconds += SMOOTHING_FACTOR * (time.monotonic() - begun - self._mean_seconds)

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= self._max_waiting:
                raise self._overloaded()
            self._waiting += 1
        _WAITING.inc()
        try:
            if not self._slots.acquire(timeout=self._patience):
                raise self._overloaded()
        finally:
            _WAITING.dec()
            with self._lock:
                self._waiting -= 1

    def _overloaded(self) -> Overloaded:
        _REFUSED.inc()
        # Expected time until half of the waiting requests are done.
        seconds = round(self._mean_seconds * self._waiting / self._turns / 2)
        text = _("Too many images arrive at once. This image was not stored. Send it again in {seconds} s.")
        after = min(30, max(1, seconds))
        return Overloaded(text.format(seconds=after), retry_after=after)


intake_admission = Admission(settings.INTAKE_TURNS, settings.INTAKE_WAITING, settings.INTAKE_PATIENCE)
