"""What beat sends."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from inspection.models import Product
from labeling import tasks
from labeling.models import Label
from mltasks.models import TrainingRun
from tests.labeling.conftest import make_part


def test_beat_names_tasks_that_are_there() -> None:
    current_app.loader.import_default_modules()
    wanted = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {"labeling.tasks.nightly", "labeling.tasks.sweep_runs"} <= wanted <= set(current_app.tasks)


def test_the_nightly_task_starts_what_is_due_and_says_so(
    product: Product, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    part = make_part(product)
    Label.objects.create(
        inspection=part,
        verdict="FAIL",
        source=Label.Source.CORRECTION,
        reviewer=ada,
        created_at=timezone.now() - timedelta(days=2),
    )
    with caplog.at_level(logging.INFO, logger="labeling.tasks"):
        tasks.nightly()
    run = TrainingRun.objects.get()
    assert (run.trigger, run.state) == (TrainingRun.Trigger.NIGHTLY, TrainingRun.State.FAILED)
    assert "Training needs" in caplog.text
    tasks.nightly()
    assert TrainingRun.objects.count() == 1


def test_the_sweeping_task_puts_abandoned_runs_right(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="labeling.tasks"):
        tasks.sweep_runs()
    assert caplog.text == ""
    run = TrainingRun.objects.create(
        model=product.registered_model,
        state=TrainingRun.State.RUNNING,
        attempt=1,
        lease_token="6f1c7d1e-0000-4000-8000-000000000000",
        lease_expires_at=timezone.now() - timedelta(minutes=1),
    )
    with caplog.at_level(logging.INFO, logger="labeling.tasks"):
        tasks.sweep_runs()
    run.refresh_from_db()
    assert run.state == TrainingRun.State.QUEUED
    assert "Recovered 1 training runs" in caplog.text
