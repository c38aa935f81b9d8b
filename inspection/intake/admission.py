"""How many images a process takes at once. What is too much is refused before memory grows, and may come again.

A request that waits here holds a thread and its body, which the web server keeps in a file, but no database connection.
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
    "Requests with images that wait for their turn.",
    multiprocess_mode="livesum",
)
_REFUSED = Counter("second_look_intake_refused", "Requests with images that were refused because too many waited.")
# Of the time that a turn takes, what the newest one counts for.
NEWEST = 0.2


class Admission:
    """``turns`` requests at once, ``waiting`` more in line, each for at most ``patience`` seconds."""

    def __init__(self, turns: int, waiting: int, patience: float) -> None:
        self._turns, self._places, self._patience = turns, waiting, patience
        self._free = threading.Semaphore(turns)
        self._lock = threading.Lock()
        self._waiting = 0
        self._usual = 0.2  # seconds a turn takes

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and have it in the block. Raises Overloaded when the line is full, or the wait too long."""
        if not self._free.acquire(blocking=False):
            self._wait()
        begun = time.monotonic()
        try:
            yield
        finally:
            self._free.release()
            with self._lock:
                self._usual += NEWEST * (time.monotonic() - begun - self._usual)

    def _wait(self) -> None:
        with self._lock:
            if self._waiting >= self._places:
                raise self._refusal()
            self._waiting += 1
        _WAITING.inc()
        try:
            if not self._free.acquire(timeout=self._patience):
                raise self._refusal()
        finally:
            _WAITING.dec()
            with self._lock:
                self._waiting -= 1

    def _refusal(self) -> Overloaded:
        _REFUSED.inc()
        # When half of the line has had its turn.
        seconds = round(self._usual * self._waiting / self._turns / 2)
        said = _("More images arrive than can be scored. This one was not taken: send it again in {seconds} s.")
        after = min(30, max(1, seconds))
        return Overloaded(said.format(seconds=after), retry_after=after)


intake = Admission(settings.INTAKE_TURNS, settings.INTAKE_WAITING, settings.INTAKE_PATIENCE)
