"""Each product with new labels is retrained once a night, however many beats tick, and says why when it can't be."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from inspection.models import Product
from labeling.datasets import retraining
from labeling.datasets import retraining as nightly
from labeling.models import Label, LabelUndo
from mltasks.models import DatasetSnapshot, TrainingRun
from tests.labeling.conftest import make_product
from tests.labeling.trainable_labels import label_drawn_parts
from tests.tiny_model import GOOD, labeled_samples


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of November 2037: later than anything these tests write by the database's clock."""
    return datetime(2037, 11, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def labeled_product(product: Product) -> Product:
    """A product whose parts were labeled on the evening of the 9th."""
    label_drawn_parts(product, at=_at(9, 20))
    return product


def test_it_starts_what_is_due(labeled_product: Product) -> None:
    assert nightly.start_due_runs(_at(10, 1, 59)) == []
    (run,) = nightly.start_due_runs(_at(10, 2))
    assert (run.state, run.trigger, run.night) == ("queued", "nightly", date(2037, 11, 10))
    assert run.snapshot is not None
    assert run.snapshot.total == 16


def test_it_starts_once_a_night(labeled_product: Product) -> None:
    assert len(nightly.start_due_runs(_at(10, 2))) == 1
    assert [nightly.start_due_runs(_at(10, 2, minute)) for minute in (0, 1, 30)] == [[], [], []]
    assert TrainingRun.objects.count() == 1


def test_it_waits_for_new_labels(labeled_product: Product) -> None:
    (run,) = nightly.start_due_runs(_at(10, 2))
    _succeed_on_snapshot(run, _at(10, 2, 1))
    assert nightly.start_due_runs(_at(11, 2)) == []
    Label.objects.create(
        inspection=Label.objects.latest("pk").inspection, verdict="PASS", source="correction", created_at=_at(11, 9)
    )
    assert nightly.start_due_runs(_at(11, 10)) == [], "Labels of the day wait for the night."
    (again,) = nightly.start_due_runs(_at(12, 2))
    assert again.night == date(2037, 11, 12)


def test_a_label_taken_back_is_news_too(labeled_product: Product, ada: User) -> None:
    (run,) = nightly.start_due_runs(_at(10, 2))
    _succeed_on_snapshot(run, _at(10, 2, 1))
    LabelUndo.objects.create(label=Label.objects.order_by("pk")[0], by=ada, created_at=_at(11, 9))
    assert len(nightly.start_due_runs(_at(12, 2))) == 1


def _succeed_on_snapshot(run: TrainingRun, at: datetime) -> None:
    """Let the run succeed on a snapshot taken ``at`` that moment: snapshots can't be changed, so on a copy."""
    assert run.snapshot is not None
    copy = DatasetSnapshot.objects.create(
        model=run.model, number=run.snapshot.number + 1, sha256="0" * 64, good=8, defective=8, created_at=at
    )
    TrainingRun.objects.filter(pk=run.pk).update(state="succeeded", snapshot=copy)


def test_it_tries_again_after_a_failed_night(labeled_product: Product) -> None:
    (run,) = nightly.start_due_runs(_at(10, 2))
    TrainingRun.objects.filter(pk=run.pk).update(state="failed", error="The disk is full.")
    (again,) = nightly.start_due_runs(_at(11, 2))
    assert (again.night, again.state) == (date(2037, 11, 11), "queued")


def test_it_catches_up_when_beat_was_down(labeled_product: Product) -> None:
    (run,) = nightly.start_due_runs(_at(10, 23, 50))
    assert run.night == date(2037, 11, 10)
    Product.objects.update(retrain_at=time(23, 55))
    other = make_product("other")
    Product.objects.filter(pk=other.pk).update(retrain_at=time(23, 55))
    label_drawn_parts(other, at=_at(9, 20))
    (late,) = nightly.start_due_runs(_at(11, 0, 30))
    assert (late.model.name, late.night) == ("other", date(2037, 11, 10))


def test_the_hour_is_local(labeled_product: Product) -> None:
    with timezone.override("Asia/Tokyo"):
        assert nightly.start_due_runs(_at(9, 16, 59)) == [], "01:59 in Tokyo, and nothing was labeled the night before."


def test_it_starts_at_the_local_hour(product: Product) -> None:
    label_drawn_parts(product, at=_at(9, 10))
    with timezone.override("Asia/Tokyo"):
        (run,) = nightly.start_due_runs(_at(9, 17))
    assert run.night == date(2037, 11, 10)


def test_it_leaves_alone_products_that_are_switched_off(labeled_product: Product) -> None:
    Product.objects.update(retrain_nightly=False)
    assert nightly.start_due_runs(_at(10, 3)) == []


def test_too_few_labels_are_said_once_a_night(product: Product) -> None:
    label_drawn_parts(product, at=_at(9, 20), samples=labeled_samples()[: GOOD + 2])
    (run,) = nightly.start_due_runs(_at(10, 2))
    assert (run.state, run.snapshot, run.night) == ("failed", None, date(2037, 11, 10))
    assert "label 2 more defective parts" in run.error
    assert nightly.start_due_runs(_at(10, 2, 1)) == []
    assert not DatasetSnapshot.objects.exists()


def test_a_version_that_came_from_another_plant_has_seen_no_label(labeled_product: Product) -> None:
    TrainingRun.objects.create(
        model=labeled_product.registered_model, trigger="imported", state="succeeded", created_at=_at(9, 23), attempt=1
    )
    (run,) = nightly.start_due_runs(_at(10, 2))
    assert (run.state, run.trigger) == ("queued", "nightly")


def test_settings_that_cannot_work_are_said(labeled_product: Product) -> None:
    Product.objects.update(training_settings={"max_epoch": 3})
    (run,) = nightly.start_due_runs(_at(10, 2))
    assert (run.state, run.error[:33]) == ("failed", "Unknown training settings: max_ep")


def test_one_products_trouble_costs_no_other_its_night(
    labeled_product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = make_product("a-broken-one")
    label_drawn_parts(broken, at=_at(9, 20))
    whole = retraining.retrain

    def retrain(product: Product, **options: object) -> TrainingRun:
        if product == broken:
            raise RuntimeError("out of luck")
        return whole(product, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(nightly, "retrain", retrain)
    assert [run.model.name for run in nightly.start_due_runs(_at(10, 2))] == ["plate"]
    assert "a-broken-one could not start" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_two_beats_make_one_run() -> None:
    label_drawn_parts(make_product(), at=timezone.now() - timedelta(days=2))
    ready = threading.Barrier(4)
    started: list[TrainingRun] = []

    def beat() -> None:
        try:
            ready.wait()
            started.extend(nightly.start_due_runs(timezone.now()))
        finally:
            connection.close()

    beats = [threading.Thread(target=beat) for _ in range(4)]
    for thread in beats:
        thread.start()
    for thread in beats:
        thread.join()
    assert len(started) == TrainingRun.objects.count() == DatasetSnapshot.objects.count() == 1
