"""A running training says how far it is, about once a second, and stops when its run was taken away."""

from __future__ import annotations

import json

import pytest

from mltasks.models import TrainingRun
from mltasks.runs.lease import LeaseLost, RunLease
from mltasks.runs.run_reporter import RunReporter
from mltasks.vision.types import Progress


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_writes_at_most_once_a_second_and_forgets_nothing(run: TrainingRun) -> None:
    clock = Clock()
    reporter = RunReporter(RunLease.take(run.pk), clock)
    reporter(Progress(0.1, "reading"))
    reporter(Progress(0.2, "epoch 1", {"loss": 0.5, "recall": 0.25}))
    run.refresh_from_db()
    assert (run.progress, run.stage, run.epochs) == (0.1, "reading", [])
    clock.now += 1.5
    reporter(Progress(0.3, "epoch 2", {"loss": 0.4, "recall": 0.75}))
    run.refresh_from_db()
    assert (run.progress, run.stage) == (0.3, "epoch 2")
    assert [epoch["loss"] for epoch in run.epochs] == [0.5, 0.4]
    for words in ("reading", "epoch 1  loss 0.5  recall 0.25", "epoch 2  loss 0.4"):
        assert run.log.count(words) == 1


def test_what_is_no_number_is_null(run: TrainingRun) -> None:
    reporter = RunReporter(RunLease.take(run.pk))
    reporter(Progress(0.5, "epoch 1", {"auroc": float("nan"), "loss": float("inf"), "epoch": 1}))
    run.refresh_from_db()
    assert run.epochs == [{"stage": "epoch 1", "auroc": None, "loss": None, "epoch": 1}]
    json.dumps(run.epochs, allow_nan=False)


def test_it_refuses_to_go_on_when_the_run_was_taken(run: TrainingRun) -> None:
    reporter = RunReporter(RunLease.take(run.pk))
    TrainingRun.objects.update(state="queued")
    with pytest.raises(LeaseLost):
        reporter(Progress(0.5, "epoch 1"))
