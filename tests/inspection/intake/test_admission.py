"""What is too much is refused at once, with a time to come again; nobody who waits holds a connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import connection

from inspection.intake import admission
from inspection.intake.admission import Admission
from inspection.models import Inspection
from inspection.refusals import Overloaded
from mltasks.registry.deadline_queue import DeadlineQueue
from tests.inspection.conftest import Sender, error_of


def wait_until(ready: threading.Event | object, message: str) -> None:
    """Until the event is set."""
    assert isinstance(ready, threading.Event) and ready.wait(10), message


def test_a_turn_is_waited_for() -> None:
    house, entered, order = Admission(1, 1, patience=10), threading.Event(), list[str]()

    def second() -> None:
        with house.acquire():
            order.append("second")

    with house.acquire():
        other = threading.Thread(target=lambda: (entered.set(), second()))
        other.start()
        wait_until(entered, "The second never came.")
        time.sleep(0.05)
        order.append("first")
    other.join(10)

    assert order == ["first", "second"]


def test_a_full_line_is_refused_at_once_and_a_long_wait_later() -> None:
    house = Admission(1, 0, patience=10)
    with house.acquire(), pytest.raises(Overloaded) as full, house.acquire():
        pass
    assert 1 <= (full.value.retry_after or 0) <= 30

    impatient = Admission(1, 1, patience=0.05)
    with impatient.acquire(), pytest.raises(Overloaded), impatient.acquire():
        pass
    with impatient.acquire():
        pass


def test_a_turn_that_fails_is_given_back() -> None:
    house = Admission(1, 0, patience=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), house.acquire():
            raise ZeroDivisionError


@pytest.fixture
def busy_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """A process whose only turn is taken, with no place to wait."""
    house = Admission(1, 0, patience=0)
    monkeypatch.setattr(admission, "intake_admission", house)
    with ExitStack() as held:
        held.enter_context(house.acquire())
        yield held


@pytest.mark.parametrize("path", ["/api/v1/inspections/", "/api/v1/inspections/batch/", "/predict"])
def test_an_image_too_many_is_answered_503_before_the_database_is_asked(
    sender: Sender, busy_process: ExitStack, path: str, django_assert_num_queries: object
) -> None:
    asked: list[str] = []
    with connection.execute_wrapper(lambda run, sql, *rest: (asked.append(sql), run(sql, *rest))[1]):
        answer = sender.send(path=path)

    assert error_of(answer) == (503, "overloaded") and not asked
    assert 1 <= int(answer["Retry-After"]) <= 30
    assert not Inspection.objects.exists()


def test_who_has_no_valid_key_never_waits(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    house = Admission(1, 5, patience=10)
    monkeypatch.setattr(admission, "intake_admission", house)
    with house.acquire():
        begun = time.monotonic()
        for headers in ({}, {"Authorization": "Api-Key AAAAAAAA." + "b" * 32}):
            assert sender.client.post("/api/v1/inspections/", headers=headers).status_code == 401
        assert time.monotonic() - begun < 5


@pytest.mark.django_db(transaction=True)
def test_who_waits_holds_no_connection(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    house, connected, asked = Admission(1, 5, patience=10), list[bool](), threading.Event()
    monkeypatch.setattr(admission, "intake_admission", house)

    def take_turn() -> bool | None:
        connected.append(connection.connection is not None)
        asked.set()
        return house._take_turn()

    house._queue = DeadlineQueue(take_turn)
    with house.acquire():
        waiting = threading.Thread(target=sender.send)
        waiting.start()
        wait_until(asked, "The request never came.")
    waiting.join(20)
    assert not any(connected)
    assert Inspection.objects.count() == 1, "It has a connection again once it is admitted."


def test_who_reads_never_waits(sender: Sender, busy_process: ExitStack) -> None:
    assert sender.get("/api/v1/inspections/").status_code == 200


def test_turns_come_back_after_refusals_of_all_kinds(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "intake_admission", Admission(1, 0, patience=0))
    assert error_of(sender.send(b"no image")) == (415, "unsupported_format")
    assert sender.client.post("/api/v1/inspections/").status_code == 401
    assert [sender.send().status_code for _ in range(2)] == [201, 201]
