"""A training runs in a process of its own. Killed, it leaves no half version, says so and runs again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from mltasks.models import ModelVersion, RegisteredModel, TrainingRun
from mltasks.runs import lease as leases
from mltasks.runs import run_recovery, supervision
from mltasks.runs.lease import RunLease
from mltasks.snapshots.snapshots import freeze
from mltasks.training import training
from tests.tiny_model import PLAIN_CONFIG, labeled_samples

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow(10)]

# Long enough to be killed in the middle, whatever the machine.
SLOW = {**PLAIN_CONFIG.to_json(), "dense_epochs": 5000}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrainingRun]:
    """A waiting run, in a database that child processes find as well."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", urlunsplit(parts._replace(path=f"/{settings.DATABASES['default']['NAME']}")))
    model = RegisteredModel.objects.create(name="plate")
    yield training.start(
        freeze(model, labeled_samples(), PLAIN_CONFIG), PLAIN_CONFIG, trigger=TrainingRun.Trigger.COMMAND, enqueue=False
    )


def wait_for(what: str, ready: Callable[[], Any], timeout: float = 120) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if answer := ready():
            return answer
        time.sleep(0.1)
    raise TimeoutError(what)


def training_processes(run: TrainingRun) -> list[psutil.Process]:
    """Living processes of this test process that train the run; others may train a run of this number, too."""
    command = ["execute_run", str(run.pk)]
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and process.cmdline()[2:4] == command
    ]


def _supervise(run: TrainingRun) -> None:
    try:
        supervision.supervise(run.pk)
    finally:
        connection.close()


def test_a_killed_training_says_so_and_runs_again(run: TrainingRun) -> None:
    TrainingRun.objects.update(config=SLOW)
    supervisor = threading.Thread(target=_supervise, args=[run])
    supervisor.start()
    wait_for("progress", lambda: TrainingRun.objects.filter(progress__gt=0, epochs__0__isnull=False).exists())
    (trainer,) = training_processes(run)
    trainer.kill()
    supervisor.join()

    run.refresh_from_db()
    assert (run.state, run.attempt, run.lease_token) == ("queued", 1, None)
    assert run.error.startswith("The training process was killed by signal 9")
    assert "attempt 1 of 3. It will be tried again." in run.error
    assert not ModelVersion.objects.exists()

    TrainingRun.objects.update(config=PLAIN_CONFIG.to_json())
    assert supervision.supervise(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == ("succeeded", 2, "")
    assert "killed by signal 9" in run.log, "The log keeps what happened to the first attempt."
    assert run.version.number == 1
    folders = [path for path in (Path(settings.VERSIONS_DIR) / "plate").glob("*") if run.key.hex[:8] in path.name]
    assert folders == [run.version.path]
    assert not supervision.supervise(run.pk), "A second hint finds nothing to do."


def test_it_dies_with_its_worker(run: TrainingRun) -> None:
    TrainingRun.objects.update(config=SLOW)
    script = f"import django; django.setup(); from mltasks.runs.supervision import supervise; supervise({run.pk})"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "webapp.settings"}
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=settings.BASE_DIR, env=environment)
    wait_for("progress", lambda: TrainingRun.objects.filter(progress__gt=0).exists())
    assert training_processes(run)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_for("the training to die", lambda: not training_processes(run), timeout=10)
    run.refresh_from_db()
    assert run.state == "running", "Nobody was left to tell; the sweep does when the lease runs out."


def test_a_process_that_starts_slowly_keeps_its_run(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    # A lease that is over long before a process has loaded its libraries and can renew it.
    for module in (leases, supervision):
        monkeypatch.setattr(module, "LEASE_DURATION", timedelta(seconds=1))
    monkeypatch.setattr(supervision, "POLL_SECONDS", 0.2)
    TrainingRun.objects.update(config={"max_epoch": 3})
    supervisor = threading.Thread(target=_supervise, args=[run])
    supervisor.start()
    freed = 0
    while supervisor.is_alive():
        freed += run_recovery.release_abandoned()
        time.sleep(0.1)
    run.refresh_from_db()
    assert (freed, run.state, run.attempt) == (0, "failed", 1)
    assert "Unknown training settings" in run.error


def test_a_process_that_never_starts_loses_its_run(run: TrainingRun) -> None:
    lease = RunLease.take(run.pk)
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert supervision._keep_lease(lease) and run_recovery.release_abandoned() == 0
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1), started_at=Now() - timedelta(hours=1))
    assert supervision._keep_lease(lease), "Until the sweep comes."
    assert run_recovery.release_abandoned() == 1 and not supervision._keep_lease(lease)


def test_a_process_that_cannot_begin_is_told_with_its_last_words(
    run: TrainingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere")
    assert supervision.supervise(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 1)
    assert "ended with exit code 1" in run.error
    assert "OperationalError" in run.log


def test_a_training_that_failed_by_itself_keeps_its_own_words(run: TrainingRun) -> None:
    TrainingRun.objects.update(config={"max_epoch": 3})
    assert supervision.supervise(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "Unknown training settings: max_epoch" in run.error
    assert "exit code" not in run.error


def test_it_leaves_alone_what_another_worker_has(run: TrainingRun) -> None:
    RunLease.take(run.pk)
    assert not supervision.supervise(run.pk)
    assert TrainingRun.objects.get().attempt == 1
