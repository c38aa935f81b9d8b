"""Queue of threads that wait for one of a few slots, served by their deadlines."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

# A request without a deadline is served as if it had to be answered within this time. So no request starves: its
# place is fixed at its arrival, and after this time no new request is served before it.
DEFAULT_SECONDS = 10.0

SlotT = TypeVar("SlotT")


class SlotTooLate(RuntimeError):  # noqa: N818 - a state of the thing
    """Error for a request that gave up waiting: scored now, it would miss its deadline."""


@dataclass(slots=True)
class SlotRequest:
    """Request of one image for a slot; all times are those of ``time.perf_counter``, in seconds.

    ``deadline`` is the order of service. A request that has ``waited`` gives up at ``give_up_at``; one that finds a
    free slot takes it, however late. The queue sets ``waited``, and the slot's owner ``acquired_at``.
    """

    deadline: float = field(default_factory=lambda: time.perf_counter() + DEFAULT_SECONDS)
    give_up_at: float = math.inf
    waited: bool = False
    acquired_at: float | None = None

    @property
    def is_too_late(self) -> bool:
        """Return True if the request has waited until it must give up."""
        return self.waited and time.perf_counter() >= self.give_up_at


class DeadlineQueue(Generic[SlotT]):
    """Queue whose first thread, the one with the earliest deadline, takes the next free slot.

    ``take`` returns a free slot or None; it must not block. With ``poll_seconds`` the first thread asks again that
    often, because other processes free slots too. ``wake`` must follow each slot that this process frees.
    """

    def __init__(self, take: Callable[[], SlotT | None], poll_seconds: float = math.inf) -> None:
        self._take, self._poll_seconds = take, poll_seconds
        self._changed = threading.Condition()
        self._numbers = count()
        self._waiting: list[tuple[float, int]] = []

    def acquire(self, request: SlotRequest, until: float = math.inf) -> SlotT | None:
        """Wait for a slot; None at ``until``, or once the request is too late."""
        # The number keeps equal deadlines in order of arrival.
        ticket = (request.deadline, next(self._numbers))
        with self._changed:
            heapq.heappush(self._waiting, ticket)
            try:
                while time.perf_counter() < until and not request.is_too_late:
                    is_first = self._waiting[0] == ticket
                    if is_first and (slot := self._take()) is not None:
                        return slot
                    request.waited = True
                    self._pause(min(until, request.give_up_at), poll=is_first)
                return None
            finally:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._changed.notify_all()

    def wake(self) -> None:
        """Let the first thread ask for a slot at once."""
        with self._changed:
            self._changed.notify_all()

    def _pause(self, end: float, *, poll: bool) -> None:
        seconds = max(0.0, end - time.perf_counter())
        if poll:
            seconds = min(seconds, self._poll_seconds)
        self._changed.wait(None if math.isinf(seconds) else seconds)
