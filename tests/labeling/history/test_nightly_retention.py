"""What beat prunes at night."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.utils import timezone

from inspection.images.image_removal import FOLDER_COUNT, FreedSpace
from inspection.models import Inspection, Product, RemovedParts
from labeling import tasks
from labeling.history import nightly_retention
from labeling.history.nightly_retention import prune_nightly, scheduled_folder
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_product
from tests.labeling.old_parts import old_part, stored_files

NIGHT = datetime(2026, 11, 26, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RETENTION_DAYS = 90
    nightly_retention._positions.clear()


@pytest.mark.django_db
def test_by_default_everything_is_kept(product: Product, settings: Any) -> None:
    assert project.RETENTION_DAYS == 90
    settings.RETENTION_DAYS = 0
    old_part(product)
    assert prune_nightly(timezone.now()) == (0, FreedSpace())
    tasks.prune()
    assert Inspection.objects.exists()


@pytest.mark.django_db
def test_the_task_removes_what_is_too_old_and_says_so(product: Product, caplog: pytest.LogCaptureFixture) -> None:
    old_part(product)
    young = old_part(product, age=timedelta(days=89))
    old_part(make_product("tile"))
    with caplog.at_level(logging.INFO, logger="labeling.tasks"):
        tasks.prune()
        tasks.prune()
    assert [record.getMessage() for record in caplog.records] == ["Removed 2 old parts, 2 images, 0.0 MB"]
    assert list(Inspection.objects.all()) == [young]


@pytest.mark.django_db
def test_it_stops_in_time_goes_on_and_gives_each_product_its_turn(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "labeling.history.nightly_retention.RetentionScope", partial(nightly_retention.RetentionScope, batch_size=2)
    )
    other = make_product("tile")
    for _ in range(4):
        old_part(product)
        old_part(other)
    now = timezone.now()
    assert prune_nightly(now, time_budget=0)[0] == 2
    assert product.inspections.count() == 2, "One batch, whatever the time: else nothing would ever be done."
    assert prune_nightly(now)[0] == 6
    assert not Inspection.objects.exists()


@pytest.mark.django_db
def test_what_is_kept_is_not_looked_at_again_that_night(product: Product) -> None:
    old_part(product, reasons=["audit_sample"])
    now = timezone.now()
    assert len(list(nightly_retention._round_robin_batches(now))) == 1
    assert list(nightly_retention._round_robin_batches(now)) == []
    assert len(list(nightly_retention._round_robin_batches(now + timedelta(days=1)))) == 1
    assert len(nightly_retention._positions) == 1


@pytest.mark.django_db(transaction=True)
def test_two_beats_do_no_harm(product: Product) -> None:
    for _ in range(10):
        old_part(product)
    found = run_concurrently([partial(prune_nightly, timezone.now()) for _ in range(3)])
    assert sum(removed for removed, _ in found) == 10
    assert RemovedParts.objects.get().number == 10


def test_each_folder_has_its_turn_in_a_fortnight_of_nights(settings: Any) -> None:
    minutes = [
        NIGHT.replace(minute=0) + timedelta(days=day, minutes=minute) for day in range(14) for minute in range(1440)
    ]
    turns = [folder for minute in minutes if (folder := scheduled_folder(minute)) is not None]
    assert set(turns) == set(range(FOLDER_COUNT))
    assert len(turns) == 14 * 20


@pytest.mark.django_db
def test_the_folder_whose_turn_it_is_loses_what_nothing_names(product: Product) -> None:
    part = old_part(product)
    Inspection.objects.filter(pk=part.pk).delete()
    for path in stored_files(part.image_sha256):
        os.utime(path, (0, 0))
    turns = {scheduled_folder(minute): minute for day in range(14) for minute in _quarters(NIGHT + timedelta(days=day))}
    number = int(part.image_sha256[:2], 16)
    assert prune_nightly(turns[(number + 1) % FOLDER_COUNT]) == (0, FreedSpace())
    assert prune_nightly(turns[number])[1].images == 1
    assert stored_files(part.image_sha256) == []


def _quarters(night: datetime) -> list[datetime]:
    return [night.replace(hour=hour, minute=minute) for hour in range(1, 6) for minute in (0, 15, 30, 45)]


def test_beat_goes_by_the_same_hours() -> None:
    schedule = project.CELERY_BEAT_SCHEDULE["prune-at-night"]["schedule"]
    assert schedule.hour == set(range(nightly_retention.FIRST_HOUR, nightly_retention.LAST_HOUR + 1))
    assert schedule.minute == set(range(60))
