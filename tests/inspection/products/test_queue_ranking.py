"""A waiting part gets its place with its verdict, and keeps to what its product says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inspection.models import Inspection, PickStrategy, Product, Station
from inspection.products import products, queue_ranking
from inspection.products.hash_sampling import hash_uniform
from inspection.scoring import score_recovery
from inspection.tasks import order_queue
from mltasks.models import ModelVersion, TrainingRun
from mltasks.vision.benchmarks.active_learning.simulated_queue import Arrival, SimulatedQueue
from mltasks.vision.guarantees.thresholds import cost_threshold
from mltasks.vision.serving.queue_priority import DEFAULT_STRATEGY, PRIORITY
from mltasks.vision.types import Scores
from tests.inspection.conftest import Receive
from tests.inspection.scoring.scripted_scorer import ScriptedScorer
from tests.labeling.conftest import make_part

DAY = timedelta(days=1)
ARRIVED = datetime(2026, 5, 4, 12, tzinfo=timezone.get_default_timezone())


def make_waiting_part(product: Product, probability: float | None = 0.1, hours: float = 0, **fields: Any) -> Inspection:
    """A waiting part that arrived some hours after noon."""
    part = make_part(product, defect_probability=probability, novelty=None if probability is None else 0.5, **fields)
    Inspection.objects.filter(pk=part.pk).update(received_at=ARRIVED + timedelta(hours=hours))
    return part


def days_before_arrival(*parts: Inspection) -> list[float]:
    """How many days before its arrival each part stands."""
    found = []
    for part in parts:
        part.refresh_from_db()
        assert part.queue_sort_key is not None
        found.append((part.received_at - part.queue_sort_key) / DAY)
    return found


@pytest.fixture
def make_scripted_champion(product: Product, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give the product a champion that says one thing of each part."""
    run = TrainingRun.objects.create(model=product.registered_model, state="succeeded")
    ModelVersion.objects.create(
        model=product.registered_model, number=1, run=run, state="champion", bundle="none", sha256="0" * 64
    )

    def told(probability: float, novelty: float = 0.5) -> None:
        scores = Scores(probability, 0.002, 0.003, 0.5, novelty > 1, novelty)
        monkeypatch.setattr("mltasks.registry.scorers.get_scorer", lambda _: ScriptedScorer(scores))

    return told


def test_a_product_may_choose_each_strategy_and_has_the_default(product: Product) -> None:
    assert set(PickStrategy.values) == set(PRIORITY)
    assert product.pick_strategy == DEFAULT_STRATEGY


@pytest.mark.parametrize("strategy", PRIORITY)
def test_the_learning_curve_labels_in_the_order_of_the_queue(product: Product, strategy: str) -> None:
    rng = np.random.default_rng(4)
    probabilities, novelty, similarity = rng.random(12), 2 * rng.random(12), rng.random(12)
    similarity[[3, 8]] = 1
    signals = zip(probabilities, novelty, similarity, strict=True)
    parts = [make_part(product, defect_probability=p, novelty=n, similarity=alike) for p, n, alike in signals]
    Inspection.objects.update(received_at=ARRIVED)
    Product.objects.update(pick_strategy=strategy)
    queue_ranking.rerank(product)
    # Parts of equal priority: the simulated queue keeps the order of arrival, here that of the ids.
    ids = sorted(part.pk for part in parts)
    arrivals = {
        at: Arrival(ids.index(part.pk), float(similarity[at]), hash_uniform(b"queue:" + part.pk.bytes))
        for at, part in enumerate(parts)
    }
    simulated = SimulatedQueue(cost_threshold(product.costs), arrivals)

    queued = Inspection.objects.awaiting_review().order_by("queue_sort_key", "pk").values_list("pk", flat=True)
    found = simulated.first(12, strategy, range(12), probabilities, novelty)
    assert [parts[at].pk for at in found] == list(queued)


def test_a_part_that_goes_to_a_person_gets_its_place_at_once(make_scripted_champion: Any, receive: Receive) -> None:
    make_scripted_champion(1 / 6)
    assert days_before_arrival(receive()) == [pytest.approx(0.5)]
    make_scripted_champion(0.1)
    assert days_before_arrival(receive()) == [pytest.approx(5 / 14)]
    make_scripted_champion(0.0, novelty=4.0)
    assert days_before_arrival(receive()) == [pytest.approx(0.75)]


def test_without_a_model_a_look_is_worth_the_most(receive: Receive) -> None:
    assert days_before_arrival(receive()) == [1.0]


def test_a_part_that_goes_to_nobody_gets_no_place(
    make_scripted_champion: Any, receive: Receive, product: Product
) -> None:
    Product.objects.update(audit_share=0)
    make_scripted_champion(0.95)
    part = receive()
    assert (part.verdict, part.queue_sort_key) == ("FAIL", None)


def test_a_novelty_that_is_no_number_does_not_keep_a_part_from_people(
    make_scripted_champion: Any, receive: Receive
) -> None:
    make_scripted_champion(0.1, novelty=float("nan"))
    assert days_before_arrival(receive()) == [1.0]


def test_an_urgent_stations_parts_come_two_days_earlier(station: Station, receive: Receive) -> None:
    Station.objects.update(urgent=True)
    station.refresh_from_db()
    assert days_before_arrival(receive()) == [3.0]


def test_the_lines_share_of_defects_moves_the_turn(product: Product) -> None:
    run = TrainingRun.objects.create(model=product.registered_model, state="succeeded")
    version = ModelVersion.objects.create(
        model=product.registered_model, number=1, run=run, meta={"training": {"good": 50, "defect": 50}}
    )
    Product.objects.update(defect_rate=0.01)
    doubtful, sure = (
        make_waiting_part(product, 0.95, model_version=version),
        make_waiting_part(product, 1 / 6, model_version=version),
    )
    queue_ranking.rerank(product)
    assert days_before_arrival(doubtful, sure) == [pytest.approx(0.5, abs=0.05), pytest.approx(0.01, abs=0.005)]


def test_another_strategy_ranks_the_waiting_anew(product: Product) -> None:
    sure, doubtful = make_waiting_part(product, 0.001), make_waiting_part(product, 1 / 6)
    settled = make_waiting_part(product, resolved_at=timezone.now())
    assert queue_ranking.rerank(product) == 2
    assert days_before_arrival(sure, doubtful) == [pytest.approx(0.005, abs=1e-4), pytest.approx(0.5)]
    product.pick_strategy = "novelty"
    products.change(product, by=None, reason="Novel parts first.")
    assert queue_ranking.rerank(product) == 2
    assert days_before_arrival(sure, doubtful) == [pytest.approx(1 / 3)] * 2
    settled.refresh_from_db()
    assert settled.queue_sort_key is None


@pytest.mark.parametrize("changes", [{"fn_cost": 50}, {"defect_rate": 0.1}, {"pick_strategy": "random"}])
def test_it_follows_what_places_depend_on_and_nothing_else(product: Product, changes: dict[str, Any]) -> None:
    make_waiting_part(product)
    assert queue_ranking.rerank(product) == 1
    product.name, product.audit_share = "Another", 0.5
    # As it was read before the ranking
    products.change(product, by=None, reason="Another share.")
    assert queue_ranking.rerank(product) == 0
    Product.objects.update(**changes)
    assert queue_ranking.rerank(product) == 1


def test_a_ranking_reads_the_report_of_a_version_once(product: Product, make_scripted_champion: Any) -> None:
    version = ModelVersion.objects.get()
    for hours in range(3):
        make_waiting_part(product, hours=hours, model_version=version)
    make_waiting_part(product, hours=3, model_version=version, reasons=["audit_sample"])
    with CaptureQueriesContext(connection) as asked:
        assert queue_ranking.rerank(product) == 4
    assert sum('"mltasks_modelversion"."meta"' in query["sql"] for query in asked) == 1


def test_what_waits_is_ranked_anew_by_a_program_that_ranks_otherwise(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_waiting_part(product)
    queue_ranking.rerank(product)
    monkeypatch.setattr(queue_ranking, "REVISION", queue_ranking.REVISION + 1)
    assert [queue_ranking.rerank(product), queue_ranking.rerank(product)] == [1, 0]


def test_a_station_that_becomes_urgent_moves_what_waits(product: Product, station: Station) -> None:
    hurried, other = make_waiting_part(product, station=station), make_waiting_part(product)
    queue_ranking.rerank(product)
    before = days_before_arrival(hurried, other)
    station.urgent = True
    station.save()
    queue_ranking.rerank(product)
    assert days_before_arrival(hurried, other) == [before[0] + 2, before[1]]


def test_chance_draws_a_part_the_same_lot_again(product: Product) -> None:
    Product.objects.update(pick_strategy="random")
    parts = [make_waiting_part(product) for _ in range(5)]
    queue_ranking.rerank(product)
    first = days_before_arrival(*parts)
    Product.objects.update(ranking_fingerprint="")
    queue_ranking.rerank(product)
    assert days_before_arrival(*parts) == first
    assert len(set(first)) == 5


def test_many_parts_are_ranked_in_batches(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_ranking, "BATCH_SIZE", 2)
    parts = [make_waiting_part(product, hours=number) for number in range(5)]
    assert queue_ranking.rerank(product) == 5
    assert days_before_arrival(*parts) == [pytest.approx(5 / 14)] * 5


def test_a_change_during_the_ranking_is_ranked_next(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    part = make_waiting_part(product)
    place_all = queue_ranking.save_sort_keys

    def changed_meanwhile(*arguments: Any) -> None:
        place_all(*arguments)
        Product.objects.update(pick_strategy="novelty")

    monkeypatch.setattr(queue_ranking, "save_sort_keys", changed_meanwhile)
    queue_ranking.rerank(product)
    monkeypatch.undo()
    assert queue_ranking.rerank(product) == 1
    assert days_before_arrival(part) == [pytest.approx(1 / 3)]


def test_a_change_saved_from_an_old_form_is_ranked(product: Product) -> None:
    make_waiting_part(product)
    queue_ranking.rerank(product)
    form = Product.objects.get()
    Product.objects.update(pick_strategy="novelty")
    queue_ranking.rerank(product)
    products.change(form, by=None, reason="An old form.")
    assert queue_ranking.rerank(product) == 1


def test_the_sweep_goes_on_past_a_products_trouble(
    product: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    part = make_waiting_part(products.create_product("tile"))
    rank_anew = queue_ranking.rerank

    def broken(found: Product) -> int:
        if found == product:
            raise RuntimeError("no luck")
        return rank_anew(found)

    monkeypatch.setattr(queue_ranking, "rerank", broken)
    assert score_recovery.order_queues() > 0
    assert days_before_arrival(part) == [pytest.approx(5 / 14)]
    assert "Could not rank the review queue of Phone case" in caplog.text


def test_the_hint_names_the_task() -> None:
    assert order_queue.name == queue_ranking.ORDER_QUEUE_TASK


def test_it_refuses_an_unknown_strategy(product: Product) -> None:
    with pytest.raises(ValidationError, match="not a valid choice"):
        products.create_product("plate", pick_strategy="margin")
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.update(pick_strategy="margin")


@pytest.mark.slow(31)
@pytest.mark.django_db(transaction=True)
def test_the_migration_can_be_taken_back() -> None:
    """Parts that were routed before have no place, and stand where they arrived until they are ranked."""
    try:
        MigrationExecutor(connection).migrate([("inspection", "0003_novelty_and_score_maps")])
        names = {column.name for column in _columns()}
        assert not names & {"queue_time", "likeness"}
    finally:
        executor = MigrationExecutor(connection)
        # Floors above went back with it.
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert {"queue_time", "likeness"} <= {column.name for column in _columns()}


def _columns() -> list[Any]:
    with connection.cursor() as cursor:
        return connection.introspection.get_table_description(cursor, "inspection_inspection")
