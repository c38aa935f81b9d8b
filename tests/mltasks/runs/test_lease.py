"""One worker holds a run; whoever lost it writes nothing."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from mltasks.models import RegisteredModel, TrainingRun
from mltasks.runs.lease import LEASE_DURATION, LeaseLost, RunLease, RunNotAvailable, release_after_failure
from mltasks.snapshots.snapshots import freeze
from tests.mltasks.conftest import make_run
from tests.tiny_model import PLAIN_CONFIG, labeled_samples


def test_it_takes_a_waiting_run(run: TrainingRun) -> None:
    lease = RunLease.take(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.lease_token) == ("running", 1, lease.token)
    assert run.started_at is not None
    assert run.lease_expires_at == run.started_at + LEASE_DURATION


def test_it_refuses_a_run_that_is_held_or_finished(run: TrainingRun) -> None:
    lease = RunLease.take(run.pk)
    with pytest.raises(RunNotAvailable):
        RunLease.take(run.pk)
    lease.finish(TrainingRun.State.SUCCEEDED, log="")
    with pytest.raises(RunNotAvailable):
        RunLease.take(run.pk)


def test_each_write_renews_and_appends_to_the_log(run: TrainingRun) -> None:
    lease = RunLease.take(run.pk)
    TrainingRun.objects.update(lease_expires_at=Now() + timedelta(seconds=1))
    lease.write(log="one\n", progress=0.5)
    lease.write(log="two\n")
    run.refresh_from_db()
    assert run.log.endswith("one\ntwo\n")
    assert run.progress == 0.5
    assert not TrainingRun.objects.filter(lease_expires_at__lt=Now() + LEASE_DURATION / 2).exists()


@pytest.mark.parametrize(
    "taken_away",
    [{"lease_token": uuid.UUID(int=1)}, {"state": "queued"}, {"state": "failed"}],
    ids=["by another worker", "by the sweep", "for good"],
)
def test_it_refuses_the_writes_of_a_worker_that_lost_it(run: TrainingRun, taken_away: dict[str, object]) -> None:
    lease = RunLease.take(run.pk)
    TrainingRun.objects.update(**taken_away)
    for write in (lease.write, lambda: lease.finish(TrainingRun.State.SUCCEEDED, log="late")):
        with pytest.raises(LeaseLost):
            write()
    run.refresh_from_db()
    assert (run.state, "late" in run.log) == (taken_away.get("state", "running"), False)


def test_a_run_let_go_is_tried_again_and_fails_after_its_last_attempt(run: TrainingRun) -> None:
    for attempt in (1, 2):
        lease = RunLease.take(run.pk)
        run.refresh_from_db()
        assert release_after_failure(run, lease.token, "The process was killed by signal 9")
        run.refresh_from_db()
        assert (run.state, run.enqueued_at) == ("queued", None)
        assert f"killed by signal 9, attempt {attempt} of 3. It will be tried again." in run.error
    lease = RunLease.take(run.pk)
    run.refresh_from_db()
    assert run.error == "", "A new attempt begins without the trouble of the one before; the log keeps it."
    release_after_failure(run, lease.token, "The process was killed by signal 9")
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.finished_at is not None
    assert "the last of 3 attempts" in run.error
    assert run.log.count("signal 9") == 3


def test_it_refuses_to_let_go_of_a_run_that_moved_on(run: TrainingRun) -> None:
    lease = RunLease.take(run.pk)
    run.refresh_from_db()
    lease.finish(TrainingRun.State.SUCCEEDED, log="")
    assert not release_after_failure(run, lease.token, "Too late")
    run.refresh_from_db()
    assert run.state == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_gets_it() -> None:
    model = RegisteredModel.objects.create(name="raced")
    run = make_run(freeze(model, labeled_samples(), PLAIN_CONFIG))
    ready = threading.Barrier(6)
    outcomes: list[str] = []

    def take() -> None:
        try:
            ready.wait()
            RunLease.take(run.pk)
            outcomes.append("taken")
        except RunNotAvailable:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 5 + ["taken"]
    run.refresh_from_db()
    assert run.attempt == 1
