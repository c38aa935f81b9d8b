"""A lesson in a process of its own: killed, it says so and goes on from its checkpoint."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import psutil
import pytest
from django.conf import settings
from django.db import connection

from mltasks import tasks
from mltasks.models import BackboneRun, RegisteredModel
from mltasks.runs import supervision
from mltasks.training import pretraining
from tests.mltasks.runs.test_supervision import wait_for
from tests.mltasks.training.test_pretraining import AUTO, TINY, stored_images

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow(30)]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[BackboneRun]:
    """A waiting lesson, in a database that child processes find as well."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    monkeypatch.setenv("DATABASE_URL", urlunsplit(parts._replace(path=f"/{settings.DATABASES['default']['NAME']}")))
    model = RegisteredModel.objects.create(name="plate")
    lesson = replace(TINY, steps=15, save_every=1)
    yield pretraining.start(model, stored_images(), AUTO, lesson, snapshot=None, enqueue=False)


def _supervise(run: BackboneRun) -> None:
    try:
        supervision.supervise(run.pk, BackboneRun)
    finally:
        connection.close()


def _pretraining_processes(run: BackboneRun) -> list[psutil.Process]:
    command = ["execute_backbone_run", str(run.pk)]
    return [process for process in psutil.Process().children(recursive=True) if process.cmdline()[2:4] == command]


def test_a_killed_lesson_says_so_and_goes_on_where_it_was(run: BackboneRun) -> None:
    supervisor = threading.Thread(target=_supervise, args=[run])
    supervisor.start()
    wait_for("some steps", lambda: BackboneRun.objects.filter(epochs__1__isnull=False).exists())
    (trainer,) = _pretraining_processes(run)
    trainer.kill()
    supervisor.join()

    run.refresh_from_db()
    assert (run.state, run.attempt, run.lease_token) == ("queued", 1, None)
    assert run.error.startswith("The pretraining process was killed by signal 9")
    assert (run.work_dir / "checkpoint.safetensors").is_file()
    reached = run.epochs[-1]["step"]

    tasks.execute_backbone_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.error) == ("succeeded", 2, "")
    assert run.epochs[0]["step"] >= reached, "It did not start over."
    assert run.epochs[-1]["step"] == 15
    assert run.path.is_file()
    assert not run.work_dir.exists()
    assert "killed by signal 9" in run.log, "The log keeps what happened to the first attempt."
    assert not supervision.supervise(run.pk, BackboneRun), "A second hint finds nothing to do."
