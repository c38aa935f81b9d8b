"""People see waiting parts by their places: what a look is worth more, urgent stations, and old parts in the end."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from inspection.models import Inspection, Product, Station
from inspection.products import queue_ranking
from labeling.queue import queue
from labeling.review import review
from tests.labeling.concurrency import run_concurrently
from tests.labeling.conftest import make_part, make_person, make_product


def make_waiting_part(
    product: Product, probability: float | None, hours_ago: float = 0, **fields: object
) -> Inspection:
    part = make_part(product, defect_probability=probability, novelty=None if probability is None else 0.5, **fields)
    Inspection.objects.filter(pk=part.pk).update(received_at=timezone.now() - timedelta(hours=hours_ago))
    return part


def resolve_next(reviewer: User, count: int, product: Product | None = None) -> list[Inspection]:
    """The next parts, each settled."""
    found = []
    for _ in range(count):
        claim = queue.claim(reviewer=reviewer, product=product)
        assert claim is not None
        found.append(review.resolve(claim, verdict="PASS").inspection)
    return found


def test_the_doubtful_come_before_the_sure(product: Product, ada: User) -> None:
    sure, doubtful, unscored = (
        make_waiting_part(product, 0.001, 2),
        make_waiting_part(product, 0.1, 1),
        make_waiting_part(product, None),
    )
    queue_ranking.rerank(product)
    assert resolve_next(ada, 3) == [unscored, doubtful, sure]


def test_an_old_part_comes_before_the_newest_doubt(product: Product, ada: User) -> None:
    doubtful, old = make_waiting_part(product, 1 / 6), make_waiting_part(product, 0.001, 25)
    queue_ranking.rerank(product)
    assert resolve_next(ada, 2) == [old, doubtful]


def test_parts_without_a_place_stand_where_they_arrived(product: Product, ada: User) -> None:
    """As the program before places were kept left them."""
    early, late = make_waiting_part(product, 0.001, 2), make_waiting_part(product, 0.001, 1)
    placed = make_waiting_part(product, 0.001, 1.5)
    Inspection.objects.filter(pk=placed.pk).update(queue_sort_key=timezone.now() - timedelta(hours=1.5))
    assert resolve_next(ada, 3) == [early, placed, late]


def test_an_urgent_stations_parts_come_first(product: Product, ada: User) -> None:
    station = Station.objects.create(product=product, name="line-1", urgent=True)
    doubtful, hurried = make_waiting_part(product, 1 / 6, 20), make_waiting_part(product, 0.001, station=station)
    queue_ranking.rerank(product)
    assert resolve_next(ada, 2) == [hurried, doubtful]


def test_urgent_parts_come_first_across_products(ada: User) -> None:
    plate, tile = make_product("plate"), make_product("tile")
    station = Station.objects.create(product=tile, name="line-1", urgent=True)
    doubtful, hurried = make_waiting_part(plate, 1 / 6, 5), make_waiting_part(tile, 0.001, station=station)
    for product in (plate, tile):
        queue_ranking.rerank(product)
    assert resolve_next(ada, 2) == [hurried, doubtful]


def test_a_part_taken_back_waits_at_its_place(product: Product, ada: User) -> None:
    doubtful, sure = make_waiting_part(product, 1 / 6), make_waiting_part(product, 0.001, 1)
    queue_ranking.rerank(product)
    (first,) = resolve_next(ada, 1)
    review.undo(review.standing_label(first) or pytest.fail("It has a label."), by=ada)
    assert resolve_next(ada, 2) == [doubtful, sure]


@pytest.mark.django_db(transaction=True)
def test_no_part_is_lost_or_seen_twice_while_the_queue_is_ranked_anew() -> None:
    product = make_product()
    for number in range(60):
        make_waiting_part(product, number / 60)

    def rank() -> list[Inspection]:
        for strategy in ("novelty", "diversity", "random", "expected_cost"):
            Product.objects.update(pick_strategy=strategy)
            queue_ranking.rerank(product)
        return []

    def work(person: User) -> list[Inspection]:
        found: list[Inspection] = []
        # Rows that are being placed are passed over, so the queue may seem empty for a moment.
        for _ in range(600):
            claim = queue.claim(reviewer=person)
            if claim is not None:
                found.append(review.resolve(claim, verdict="PASS").inspection)
            elif not Inspection.objects.awaiting_review().exists():
                break
        return found

    people = [make_person(f"person-{number}") for number in range(5)]
    keys = [
        part.pk for parts in run_concurrently([rank, *(partial(work, person) for person in people)]) for part in parts
    ]
    assert len(keys) == len(set(keys)) == 60
