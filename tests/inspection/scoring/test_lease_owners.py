"""A repeated request takes a part from a process that is gone, and from none that is only slow."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from inspection.models import Inspection, lease_owners
from inspection.scoring import scoring, scoring_lease
from tests.inspection.conftest import Sender, error_of

KEY = {"Idempotency-Key": "shot-17"}


def test_a_process_is_gone_once_it_is_killed() -> None:
    process = subprocess.Popen(["sleep", "60"])
    name = lease_owners._process_name(process.pid)
    assert lease_owners.has_ended(lease_owners.current_process()) is False
    assert lease_owners.has_ended(name) is False
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert lease_owners.has_ended(name) is True, "Its parent has not noticed yet."
    process.wait()
    assert lease_owners.has_ended(name) is True
    assert lease_owners.has_ended(lease_owners.current_process() + "0") is True, "Its number was used again."


@pytest.mark.parametrize("owner", ["", "other-boot/pid:[1]/1@2", "1@2"])
def test_a_process_of_another_machine_is_unknown(owner: str) -> None:
    assert lease_owners.has_ended(owner) is None


def test_a_name_fits_its_column() -> None:
    assert 40 < len(lease_owners.current_process()) <= lease_owners.MAX_OWNER_LENGTH


def ask_while_scored(sender: Sender, monkeypatch: pytest.MonkeyPatch, meanwhile: Any) -> tuple[Any, list[Any]]:
    """Send a part, and call ``meanwhile`` and the same request again while it is scored; return both answers."""
    outcome, inner = scoring._compute_outcome, []

    def slow(*arguments: Any) -> scoring.ScoringOutcome:
        monkeypatch.setattr(scoring, "_compute_outcome", outcome)
        meanwhile()
        inner.append(sender.send(headers=KEY))
        return outcome(*arguments)

    monkeypatch.setattr(scoring, "_compute_outcome", slow)
    return sender.send(headers=KEY), inner


def test_a_living_process_that_is_silent_is_not_robbed(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall_silent() -> None:
        Inspection.objects.update(lease_expires_at=Now() + timedelta(seconds=1))

    answer, [waiting] = ask_while_scored(sender, monkeypatch, fall_silent)
    assert error_of(waiting) == (409, "in_progress")
    assert answer.status_code == 201
    assert (Inspection.objects.get().attempt, Inspection.objects.get().state) == (1, "decided")


def test_of_two_that_score_one_part_one_writes(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_owners, "has_ended", lambda _: True)
    first, [repeat] = ask_while_scored(sender, monkeypatch, lambda: None)
    assert (first.status_code, repeat.status_code) == (201, 201)
    assert first.json() == repeat.json()
    row = Inspection.objects.get()
    assert (row.attempt, row.lease_owner, row.lease_token) == (2, "", None)


@pytest.mark.django_db(transaction=True)
def test_a_slow_scorer_of_another_machine_is_not_robbed(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part is scored for longer than SILENCE, and only its renewed lease tells that."""
    monkeypatch.setattr(lease_owners, "has_ended", lambda _: None)
    outcome, begun, done = scoring._compute_outcome, threading.Event(), threading.Event()

    def slow(*arguments: Any) -> scoring.ScoringOutcome:
        begun.set()
        done.wait(20)
        return outcome(*arguments)

    monkeypatch.setattr(scoring, "_compute_outcome", slow)
    answers: list[Any] = []

    def send() -> None:
        try:
            answers.append(sender.send(headers=KEY))
        finally:
            connection.close()

    thread = threading.Thread(target=send)
    thread.start()
    assert begun.wait(20)
    time.sleep(scoring_lease.MAX_SILENCE.total_seconds() + 0.3)
    waiting = sender.send(headers=KEY)
    done.set()
    thread.join()
    assert error_of(waiting) == (409, "in_progress")
    assert answers[0].status_code == 201
    assert Inspection.objects.get().attempt == 1
