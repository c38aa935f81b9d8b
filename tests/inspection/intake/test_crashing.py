"""``kill -9`` at every step of intake: no half file, no verdict without a row, and the sweeper decides what is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.db.models.functions import Now

from inspection.models import Inspection, Product
from inspection.scoring import score_recovery, scoring, scoring_lease
from tests.inspection.conftest import Sender, error_of
from tests.inspection.sample_images import jpeg

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
Crash = Callable[[str], None]


@pytest.fixture
def crash(sender: Sender, settings: Any, tmp_path: Path) -> Crash:
    """Run intake in a process that is killed at the step."""
    (tmp_path / "part.jpg").write_bytes(jpeg())

    def run(step: str) -> None:
        # The test's own database, on whatever server this session uses.
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        environment = os.environ | {"DATABASE_URL": url, "MEDIA_ROOT": str(settings.MEDIA_ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "tests.inspection.crashing", step, str(tmp_path / "part.jpg")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr

    return run


def expire() -> None:
    """Let all leases run out, by the database's clock."""
    Inspection.objects.update(lease_expires_at=Now() - timedelta(seconds=1))


def named_files(settings: Any) -> list[Path]:
    return list((Path(settings.MEDIA_ROOT) / "images").rglob("*.jpg"))


def test_killed_while_the_file_is_written_leaves_no_named_file_and_no_row(
    crash: Crash, sender: Sender, settings: Any
) -> None:
    crash("while the file is written")
    assert named_files(settings) == []
    assert not Inspection.objects.exists()
    assert sender.send(headers={"Idempotency-Key": "crash-1"}).status_code == 201
    assert named_files(settings)[0].read_bytes() == jpeg()


def test_killed_between_file_and_row_the_next_request_uses_the_file(
    crash: Crash, sender: Sender, settings: Any
) -> None:
    crash("between the file and the row")
    [path] = named_files(settings)
    assert path.read_bytes() == jpeg()
    inode = path.stat().st_ino
    assert not Inspection.objects.exists()
    assert sender.send(headers={"Idempotency-Key": "crash-1"}).status_code == 201
    assert [found.stat().st_ino for found in named_files(settings)] == [inode]


def test_killed_before_the_score_the_sweeper_decides(crash: Crash) -> None:
    crash("between the row and the score")
    row = Inspection.objects.get()
    assert (row.state, row.attempt, row.verdict) == ("pending", 1, None)
    assert score_recovery.recover_scoring() == 0, "The lease is still alive: somebody may be at it."
    expire()
    assert score_recovery.recover_scoring() == 1
    row.refresh_from_db()
    assert (row.state, row.attempt, row.verdict, row.reasons) == ("decided", 2, "REVIEW", ["no_model"])
    assert row.latency_ms is not None
    assert row.latency_ms > 0


def test_killed_before_the_score_the_same_request_again_takes_the_part_over(crash: Crash, sender: Sender) -> None:
    crash("between the row and the score")
    began = time.monotonic()
    answer = sender.send(headers={"Idempotency-Key": "crash-1"})
    assert answer.status_code == 201, answer.content
    assert time.monotonic() - began < 3
    row = Inspection.objects.get()
    assert (answer.json()["id"], answer.json()["verdict"]) == (str(row.pk), row.verdict)
    assert (row.state, row.attempt, answer["Idempotency-Replayed"]) == ("decided", 2, "true")


def test_killed_on_another_machine_the_same_request_again_takes_the_part_over_within_3_seconds(
    crash: Crash, sender: Sender
) -> None:
    crash("between the row and the score")
    # As another machine sees it, which can't look the process up: just after its last sign of life, and 2.5 s later.
    Inspection.objects.update(lease_owner="other/1@1", lease_expires_at=Now() + scoring_lease.LEASE_DURATION)
    waiting = sender.send(headers={"Idempotency-Key": "crash-1"})
    assert error_of(waiting) == (409, "in_progress") and waiting["Retry-After"] == "1"
    Inspection.objects.update(lease_expires_at=Now() + scoring_lease.LEASE_DURATION - timedelta(seconds=2.5))
    answer = sender.send(headers={"Idempotency-Key": "crash-1"})
    assert (answer.status_code, Inspection.objects.get().attempt) == (201, 2)


def test_killed_three_times_it_goes_to_a_person_unloaded(
    crash: Crash, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash("between the row and the score")
    for _ in range(2):
        expire()
        crash("in the sweeper")
    row = Inspection.objects.get()
    assert (row.state, row.attempt) == ("pending", 3)
    expire()
    monkeypatch.setattr(scoring, "_compute_outcome", lambda *_: pytest.fail("It loaded a part that kills processes."))
    assert score_recovery.recover_scoring() == 1
    row.refresh_from_db()
    assert (row.state, row.attempt, row.verdict, row.reasons) == ("decided", 3, "REVIEW", ["scoring_failed"])
    assert (row.model_verdict, row.defect_probability, row.model_version) == (None, None, None)
