"""Every answer says if its deadline was kept; under load a part is reviewed in time, if the product says so."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from prometheus_client import REGISTRY

from inspection.intake import admission, intake
from inspection.intake.admission import Admission
from inspection.intake.submission import Submission
from inspection.models import Inspection, Product, Station
from inspection.products import routing
from inspection.products.products import create_product
from inspection.products.stations import create_station
from inspection.scoring import deadlines, deferred_scoring, score_recovery
from inspection.scoring.deadlines import RecentMedian
from mltasks.registry import scorers
from mltasks.registry.deadline_queue import SlotRequest
from mltasks.registry.scorer_cache import ScorerCache
from tests.inspection.conftest import Receive, Sender
from tests.inspection.sample_images import jpeg
from tests.tiny_model import MakeVersion

FAR_AWAY = 60_000


@pytest.fixture(autouse=True)
def own_scoring_time(monkeypatch: pytest.MonkeyPatch) -> RecentMedian:
    """A median of this test's parts alone."""
    median = RecentMedian()
    monkeypatch.setattr(deadlines, "scoring_seconds", median)
    return median


@pytest.fixture
def reviewing(product: Product, make_version: MakeVersion) -> Product:
    """A product with a champion that wants a review instead of a late answer."""
    make_version(product, champion=True)
    Product.objects.filter(pk=product.pk).update(deadline_ms=300, deadline_action="review")
    product.refresh_from_db()
    return product


@pytest.fixture
def one_turn(monkeypatch: pytest.MonkeyPatch) -> Admission:
    """A process that takes one image at a time."""
    house = Admission(1, 5, patience=10)
    monkeypatch.setattr(admission, "intake_admission", house)
    return house


def set_deadlines(station: Station, of_station: int | None, of_product: int | None) -> None:
    Station.objects.filter(pk=station.pk).update(deadline_ms=of_station)
    Product.objects.filter(pk=station.product_id).update(deadline_ms=of_product)


@pytest.mark.parametrize(
    ("of_station", "of_product", "applied", "kept"),
    [
        *((None, None, None, None), (None, FAR_AWAY, FAR_AWAY, True)),
        *((FAR_AWAY, 1, FAR_AWAY, True), (1, FAR_AWAY, 1, False)),
    ],
)
def test_each_answer_says_if_its_deadline_was_kept(
    of_station: int | None, of_product: int | None, applied: int | None, kept: bool | None, sender: Sender
) -> None:
    set_deadlines(sender.station, of_station, of_product)
    body = sender.send().json()
    assert (body["deadline_ms"], body["deadline_kept"]) == (applied, kept)
    row = Inspection.objects.get()
    assert row.latency_ms is not None and row.latency_ms > 1
    assert (row.deadline_ms, row.deadline_kept) == (applied, kept)
    assert sender.get(f"/api/v1/inspections/{row.pk}/").json() == body
    assert body["reasons"] == ["no_model"], "Late is late: no other reason by default."


def test_a_photo_of_the_dashboard_has_no_deadline(product: Product, receive: Receive) -> None:
    Product.objects.update(deadline_ms=1)
    assert receive(product=product).deadline_ms is None


def test_the_images_of_a_batch_have_a_deadline_each(sender: Sender, reviewing: Product, one_turn: Admission) -> None:
    set_deadlines(sender.station, FAR_AWAY, None)
    images = [io.BytesIO(jpeg(seed=seed)) for seed in (1, 2)]
    for image in images:
        image.name = "part.jpg"
    answer = sender.client.post("/api/v1/inspections/batch/", {"file": images}, headers=sender.headers)
    parts = [result["inspection"] for result in answer.json()["results"]]
    assert [(part["deadline_ms"], part["deadline_kept"]) for part in parts] == [(FAR_AWAY, True)] * 2


def test_a_part_that_a_crash_delayed_has_missed_it(station: Station, receive: Receive) -> None:
    set_deadlines(station, 1000, None)
    station.refresh_from_db()
    part = receive()
    image = "image_name", "image_sha256", "image_format", "image_width", "image_height", "image_bytes"
    row = {name: getattr(part, name) for name in ("product", "station", "deadline_ms", *image)}
    lost = Inspection.objects.create(**row)
    Inspection.objects.filter(pk=lost.pk).update(received_at=timezone.now() - timedelta(seconds=30))
    assert score_recovery.recover_scoring() == 1
    lost.refresh_from_db()
    assert (lost.deadline_ms, lost.deadline_kept) == (1000, False)


@pytest.fixture
def taken_turn(one_turn: Admission) -> Iterator[None]:
    """Another image is being scored, for longer than any deadline here."""
    with one_turn.acquire():
        yield


@pytest.mark.django_db(transaction=True)
def test_under_load_a_part_is_reviewed_in_time_and_scored_afterwards(
    sender: Sender, reviewing: Product, taken_turn: None, own_scoring_time: RecentMedian
) -> None:
    own_scoring_time.add(0.1)
    begun = time.perf_counter()
    body = sender.send().json()
    assert time.perf_counter() - begun < 5, "It did not wait for the turn, which nobody gives back."
    assert (body["verdict"], body["reasons"], body["label"]) == ("REVIEW", ["deadline"], None)
    assert body["defect_probability"] is None and body["deadline_ms"] == 300
    row = Inspection.objects.get()
    assert row.scoring_deferred and row.latency_ms is not None and row.latency_ms >= 200
    assert deferred_scoring.score_deferred_parts() == 1
    row.refresh_from_db()
    assert (row.verdict, row.reasons, row.scoring_deferred) == ("REVIEW", ["deadline"], False)
    assert row.defect_probability is not None and row.model_verdict in ("PASS", "FAIL")


@pytest.mark.django_db(transaction=True)
def test_by_default_it_waits_and_answers_late(sender: Sender, reviewing: Product, one_turn: Admission) -> None:
    Product.objects.update(deadline_action="late", deadline_ms=50)
    held = one_turn.acquire()
    held.__enter__()
    answers: list[Any] = []
    sending = threading.Thread(target=lambda: answers.append(sender.send().json()))
    sending.start()
    time.sleep(0.3)
    assert not answers
    held.__exit__(None, None, None)
    sending.join(20)
    assert answers[0]["deadline_kept"] is False
    assert answers[0]["defect_probability"] is not None


@pytest.mark.django_db(transaction=True)
def test_it_stops_waiting_for_the_machines_slot_too(
    station: Station,
    reviewing: Product,
    own_scoring_time: RecentMedian,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.VAR, settings.SCORING_IMAGES = tmp_path, 1
    monkeypatch.setattr(scorers, "_scorers", ScorerCache(scorers._load_for_serving))
    own_scoring_time.add(0.1)
    station = Station.objects.select_related("product__registered_model").get(pk=station.pk)
    semaphore = scorers._host_semaphore(tmp_path / "turns", 1)
    with semaphore.acquire():
        part = intake.receive(Submission(io.BytesIO(jpeg()), station.product, station))
    assert (part.reasons, part.scoring_deferred) == (["deadline"], True)


def test_a_part_that_waits_for_nothing_is_scored_even_if_late(
    sender: Sender, reviewing: Product, own_scoring_time: RecentMedian
) -> None:
    """Otherwise one slow part would send every later part to review: nothing would be measured again."""
    own_scoring_time.add(100)
    body = sender.send().json()
    assert body["defect_probability"] is not None and "deadline" not in body["reasons"]
    assert own_scoring_time.value() < 100, "The median has the newest part."


def test_a_damaged_image_without_scores_is_named_as_such() -> None:
    assert routing.no_time(damaged=True).reasons == ("deadline", "damaged_image")


def test_the_time_to_give_up_is_that_of_the_median(product: Product, station: Station) -> None:
    station.deadline_ms, station.product.deadline_action = 500, "review"
    for seconds in (0.1, 0.2, 5.0):
        deadlines.scoring_seconds.add(seconds)
    request = deadlines.slot_request(station, 1000.0)
    assert (request.deadline, request.give_up_at) == (1000.5, pytest.approx(1000.3))
    station.product.deadline_action = "late"
    assert deadlines.slot_request(station, 1000.0) == SlotRequest(1000.5)
    station.deadline_ms = None
    assert deadlines.slot_request(station, 1000.0) == SlotRequest(1010.0)
    for _ in range(40):
        deadlines.scoring_seconds.add(0.3)
    assert deadlines.scoring_seconds.value() == 0.3, "Old parts are forgotten."


def test_metrics_count_answers_by_station(sender: Sender) -> None:
    product = create_product("of-metrics")
    other = Sender(*create_station(product, "line-9", deadline_ms=1))
    other.send()
    other.send(jpeg(seed=2))
    labels = {"product": "of-metrics", "station": "line-9"}
    assert REGISTRY.get_sample_value("second_look_station_latency_seconds_count", labels) == 2
    assert REGISTRY.get_sample_value("second_look_deadlines_total", {**labels, "kept": "no"}) == 2
