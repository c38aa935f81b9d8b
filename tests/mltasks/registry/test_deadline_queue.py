"""Among those who wait the earliest deadline is served first, and who would come too late stops waiting."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from mltasks.registry.deadline_queue import DEFAULT_SECONDS, DeadlineQueue, SlotRequest, SlotTooLate
from mltasks.registry.host_semaphore import HostSemaphore


class OneSlot:
    """A queue before a single slot, that writes down whom it served."""

    def __init__(self) -> None:
        self.free = False
        self.queue = DeadlineQueue(self._take)
        self.served: list[str] = []
        self._threads: list[threading.Thread] = []

    def _take(self) -> bool | None:
        if not self.free:
            return None
        self.free = False
        return True

    def release(self) -> None:
        self.free = True
        self.queue.wake()

    def come(self, name: str, request: SlotRequest) -> None:
        """Wait for the slot in a thread, which is in the queue when this returns, and free the slot once served."""

        def wait() -> None:
            if self.queue.acquire(request):
                self.served.append(name)
                self.release()

        before = len(self.queue._waiting)
        self._threads.append(threading.Thread(target=wait))
        self._threads[-1].start()
        end = time.monotonic() + 10
        while len(self.queue._waiting) == before:
            assert time.monotonic() < end, f"{name} never came."
            time.sleep(0.001)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)
        assert not any(thread.is_alive() for thread in self._threads)


def test_the_earliest_deadline_is_served_first_and_equal_ones_as_they_came() -> None:
    slot, now = OneSlot(), time.perf_counter()
    for name, seconds in (("none", DEFAULT_SECONDS), ("late", 3), ("first", 1), ("late too", 3), ("soon", 2)):
        slot.come(name, SlotRequest(now + seconds))
    slot.release()
    slot.join()
    assert slot.served == ["first", "soon", "late", "late too", "none"]


def test_a_request_without_a_deadline_is_not_starved_by_later_ones() -> None:
    """Requests with half a second come all the time: only those that come up to 9.5 s later are served before it."""
    slot, now = OneSlot(), time.perf_counter()
    slot.come("none", SlotRequest(now + DEFAULT_SECONDS))
    for after in (1.0, 9.4, 9.6, 20.0):
        slot.come(f"{after}", SlotRequest(now + after + 0.5))
    slot.release()
    slot.join()
    assert slot.served == ["1.0", "9.4", "none", "9.6", "20.0"]


def test_who_would_come_too_late_stops_waiting_and_leaves_the_slot_to_others() -> None:
    slot, now = OneSlot(), time.perf_counter()
    slot.come("gives up", SlotRequest(now + 1, give_up_at=now + 0.05))
    slot.come("patient", SlotRequest(now + 5))
    time.sleep(0.1)
    slot.release()
    slot.join()
    assert slot.served == ["patient"]


def test_a_free_slot_is_taken_however_late_but_not_after_a_wait() -> None:
    slot, past = OneSlot(), time.perf_counter() - 1
    slot.free = True
    assert slot.queue.acquire(SlotRequest(past, give_up_at=past)) is True
    slot.free = True
    assert slot.queue.acquire(SlotRequest(past, give_up_at=past, waited=True)) is None
    assert slot.free


def test_the_slots_of_the_machine_are_taken_in_the_same_order(tmp_path: Path) -> None:
    """Another process holds the only slot while four threads of this one come."""
    other, own, now = HostSemaphore(tmp_path, 1), HostSemaphore(tmp_path, 1), time.perf_counter()
    served: list[int] = []

    def work(seconds: int) -> None:
        with own.acquire(SlotRequest(now + seconds)):
            served.append(seconds)

    threads = [threading.Thread(target=work, args=[seconds]) for seconds in (4, 2, 3, 1)]
    with other.acquire():
        for thread in threads:
            thread.start()
        end = time.monotonic() + 10
        while len(own._queue._waiting) < len(threads):
            assert time.monotonic() < end
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert served == [1, 2, 3, 4]


def test_the_machines_slot_refuses_who_gives_up(tmp_path: Path) -> None:
    house, now = HostSemaphore(tmp_path, 1), time.perf_counter()
    request = SlotRequest(now + 1, give_up_at=now + 0.02)
    with house.acquire(), pytest.raises(SlotTooLate), house.acquire(request):
        pass
    assert request.acquired_at is None
    with house.acquire(later := SlotRequest()):
        assert later.acquired_at is not None
