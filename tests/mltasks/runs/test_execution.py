"""A run becomes one version, whole or not at all, and says what happened."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django.conf import settings
from django.contrib.auth.models import User

from mltasks.models import ModelVersion, RegisteredModel, TrainingRun
from mltasks.registry import registry
from mltasks.runs import dispatch, run_recovery
from mltasks.runs.execution import execute, executor_of
from mltasks.runs.lease import LeaseLost, RunNotAvailable
from mltasks.snapshots.snapshots import freeze
from mltasks.training import training
from mltasks.vision.export import learn
from mltasks.vision.serving import bundle
from mltasks.vision.types import Progress
from tests.tiny_model import PLAIN_CONFIG, MakeVersion, labeled_samples

# The heartbeat has a connection of its own, which must see the run.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Iterator[TrainingRun]:
    model = RegisteredModel.objects.create(name="plate")
    yield training.start(
        freeze(model, labeled_samples(), PLAIN_CONFIG), PLAIN_CONFIG, trigger=TrainingRun.Trigger.COMMAND
    )


def version_files(run: TrainingRun) -> list[Path]:
    """Everything on disk below the run's model, hidden drafts included, that this run made."""
    return [path for path in (Path(settings.VERSIONS_DIR) / run.model.name).glob("*") if run.key.hex[:8] in path.name]


@pytest.mark.slow
def test_it_makes_a_version_with_its_report(run: TrainingRun) -> None:
    steps: list[Progress] = []
    version = execute(training.TrainingExecutor(), run, steps.append)
    assert (version.number, version.state) == (1, ModelVersion.State.CANDIDATE)
    assert (run.state, run.progress, run.attempt, run.error) == ("succeeded", 1.0, 1, "")
    assert run.finished_at is not None
    assert run.epochs
    assert "Made plate version 1" in run.log
    assert version_files(run) == [version.path]
    bundle.verify(version.path, version.sha256)
    stored = json.dumps([version.report.evaluation, version.meta, run.epochs], allow_nan=False)
    assert '"recall"' in stored
    assert "cross-validation" in version.report.protocol
    shares = [step.share for step in steps]
    assert shares == sorted(shares)


@pytest.fixture
def fake_training(learned: learn.LearnedVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a training write the session's version instead of learning one of its own."""

    def copied(samples: Any, config: Any, out_dir: Path, progress: Any) -> learn.LearnedVersion:
        shutil.copytree(learned.bundle_dir, out_dir, copy_function=os.link)
        return replace(learned, bundle_dir=out_dir)

    monkeypatch.setattr(learn, "learn", copied)


def test_it_numbers_versions(run: TrainingRun, fake_training: None) -> None:
    assert run.snapshot is not None
    again = training.start(run.snapshot, run.train_config(), trigger=TrainingRun.Trigger.COMMAND)
    assert [execute(training.TrainingExecutor(), one).number for one in (again, run)] == [1, 2]


def test_each_kind_of_run_has_its_executor() -> None:
    kinds = run_recovery.run_classes()
    assert [executor_of(kind).run_class for kind in kinds] == kinds


def test_it_refuses_a_run_that_is_done(run: TrainingRun) -> None:
    TrainingRun.objects.update(state="succeeded")
    with pytest.raises(RunNotAvailable):
        execute(training.TrainingExecutor(), run)


def _fail_at_once(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(samples: Any, config: Any, out_dir: Path, progress: Any) -> None:
        progress(Progress(0.5, "half way"))
        raise error

    monkeypatch.setattr(learn, "learn", broken)


def test_a_failed_training_leaves_the_champion_and_says_why(
    run: TrainingRun, make_version: MakeVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = make_version(run.model, champion=True)
    _fail_at_once(RuntimeError("the loss exploded"), monkeypatch)
    with pytest.raises(RuntimeError):
        execute(training.TrainingExecutor(), run)
    assert (run.state, run.error) == ("failed", "RuntimeError: the loss exploded")
    assert "Traceback" in run.log
    assert "half way" in run.log
    assert registry.champion(run.model) == champion
    assert version_files(run) == []


def test_ctrl_c_is_said_in_words(run: TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    _fail_at_once(KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        execute(training.TrainingExecutor(), run)
    assert (run.state, run.error) == ("failed", "Stopped by a person.")


def test_settings_that_cannot_work_are_said_in_words(run: TrainingRun) -> None:
    TrainingRun.objects.update(config={"max_epoch": 3})
    with pytest.raises(ValueError, match="max_epoch"):
        execute(training.TrainingExecutor(), run)
    assert run.error.startswith("Unknown training settings: max_epoch")


def test_it_leaves_no_version_when_its_lease_is_lost(
    run: TrainingRun, fake_training: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learn.learn

    def robbed(*args: Any) -> learn.LearnedVersion:
        done = whole(*args)
        TrainingRun.objects.update(state="queued", lease_token=None)
        return done

    monkeypatch.setattr(learn, "learn", robbed)
    with pytest.raises(LeaseLost):
        execute(training.TrainingExecutor(), run)
    assert run.state == "queued"
    assert not ModelVersion.objects.exists()
    assert version_files(run) == []


def test_a_failed_run_can_be_tried_again(run: TrainingRun, fake_training: None) -> None:
    with pytest.MonkeyPatch.context() as broken:
        _fail_at_once(OSError("No space left on device"), broken)
        with pytest.raises(OSError, match="No space"):
            execute(training.TrainingExecutor(), run)
    training.retry(run)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("queued", 0)
    assert execute(training.TrainingExecutor(), run).number == 1
    with pytest.raises(RunNotAvailable, match="did not fail"):
        training.retry(run)


@pytest.mark.slow(6)
def test_it_queues_even_when_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "current_app", Celery("alone", broker="redis://127.0.0.1:1/0", set_as_current=False))
    model = RegisteredModel.objects.create(name="alone")
    ada = User.objects.create_user("ada")
    snapshot = freeze(model, labeled_samples(), PLAIN_CONFIG)
    run = training.start(snapshot, replace(PLAIN_CONFIG, seed=3), trigger=TrainingRun.Trigger.MANUAL, requested_by=ada)
    run.refresh_from_db()
    assert (run.state, run.enqueued_at, run.train_config().seed) == ("queued", None, 3)
