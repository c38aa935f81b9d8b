"""The sweep puts right what a crash left, and touches nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.db.models.functions import Now
from redis import Redis

from mltasks.models import DatasetSnapshot, RegisteredModel, TrainingRun
from mltasks.runs import dispatch, orphaned_files, run_recovery
from mltasks.runs.lease import RunLease
from tests.mltasks.conftest import make_run
from tests.tiny_model import MakeVersion


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> Redis:
    """The training queue of the real broker, empty at first, listened to by nobody."""
    broker = Redis.from_url(settings.REDIS_URL)
    broker.delete("training")
    return broker


def test_an_abandoned_run_is_queued_and_hinted_again(run: TrainingRun, queue: Redis) -> None:
    RunLease.take(run.pk)
    assert run_recovery.release_abandoned() == 0, "Its lease has not run out."
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    TrainingRun.objects.update(created_at=Now() - timedelta(minutes=5))
    assert run_recovery.recover_runs() == 2
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 1)
    assert "attempt 1 of 3. It will be tried again." in run.error
    assert run.enqueued_at is not None
    assert queue.llen("training") == 1


def test_an_abandoned_run_fails_after_its_last_attempt(run: TrainingRun) -> None:
    RunLease.take(run.pk)
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1), attempt=TrainingRun.MAX_ATTEMPTS)
    run_recovery.recover_runs()
    run.refresh_from_db()
    assert run.state == "failed"
    assert "the last of 3 attempts" in run.error


def test_a_lost_hint_is_sent_again_but_not_each_time(run: TrainingRun, queue: Redis) -> None:
    assert run_recovery.resend_lost_messages() == 0, "Its own hint may be on its way."
    TrainingRun.objects.update(created_at=Now() - timedelta(seconds=11))
    assert [run_recovery.resend_lost_messages() for _ in range(3)] == [1, 0, 0]
    TrainingRun.objects.update(enqueued_at=Now() - timedelta(minutes=3))
    assert run_recovery.resend_lost_messages() == 1
    assert queue.llen("training") == 2


@pytest.mark.slow(6)
def test_it_goes_on_when_the_broker_is_away(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "current_app", Celery("alone", broker="redis://127.0.0.1:1/0", set_as_current=False))
    TrainingRun.objects.update(created_at=Now() - timedelta(seconds=11))
    assert run_recovery.recover_runs() == 0
    run.refresh_from_db()
    assert run.enqueued_at is None


def _make_version_folder(name: str) -> Path:
    path = Path(settings.VERSIONS_DIR) / name
    path.mkdir(parents=True)
    (path / "meta.json").write_text("{}")
    return path


def test_it_removes_what_attempts_without_a_version_left(snapshot: DatasetSnapshot) -> None:
    run = make_run(snapshot, state="failed", attempt=2)
    whole = _make_version_folder(run.bundle_name)
    draft = _make_version_folder(f"{run.model.name}/.{whole.name}.0a1b2c3d.partial")
    assert orphaned_files.remove_orphaned_versions() == 2
    assert not whole.exists()
    assert not draft.exists()


def test_it_keeps_versions_running_attempts_and_what_it_does_not_know(
    snapshot: DatasetSnapshot, model: RegisteredModel, make_version: MakeVersion
) -> None:
    version = make_version(model)
    running = make_run(snapshot, state="running", attempt=2)
    kept = [
        version.path,
        _make_version_folder(running.bundle_name),
        _make_version_folder(f"{model.name}/.{Path(running.bundle_name).name}.0a1b2c3d.partial"),
        _make_version_folder(f"{model.name}/run-{running.pk}-1-00000000"),  # another database's run of that number
        _make_version_folder(f"{model.name}/my-notes"),
    ]
    stale = _make_version_folder(running.bundle_name.replace(f"-{running.pk}-2-", f"-{running.pk}-1-"))
    assert orphaned_files.remove_orphaned_versions() == 1
    assert all(path.exists() for path in kept)
    assert not stale.exists()
