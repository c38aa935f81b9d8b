"""Near-duplicates of what people see already wait their turn."""

from __future__ import annotations

import functools
import io
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image
from threadpoolctl import threadpool_info, threadpool_limits

from inspection.images import image_files
from inspection.intake.image_import import import_image
from inspection.intake.submission import Submission
from inspection.models import Fingerprint, Inspection, Product
from inspection.products import queue_ranking
from inspection.scoring import near_duplicates, score_recovery
from mltasks.vision.data import incremental_duplicates
from mltasks.vision.drawing.fields import smooth_noise, spectral_noise
from tests.inspection.conftest import Receive
from tests.labeling.concurrency import run_concurrently


@functools.cache
def photo(seed: int, shot: int = 0) -> bytes:
    """A surface with marks of its own; each shot of it has its own light."""
    rng = np.random.default_rng(seed)
    marks = 90 + 12 * spectral_noise(rng, (120, 150), 1.6) + 10 * smooth_noise(rng, (120, 150), (5, 5))
    light = np.random.default_rng(1000 * seed + shot)
    pixels = marks * light.uniform(0.8, 1.2) + light.normal(0, 1, marks.shape)
    out = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def in_queue_order(product: Product) -> list[Inspection]:
    return list(Inspection.objects.filter(product=product).awaiting_review().order_by("queue_sort_key", "id"))


def similarity_of(part: Inspection) -> float:
    part.refresh_from_db()
    assert part.similarity is not None
    return part.similarity


def test_a_run_of_shots_of_one_part_goes_behind_the_others(receive: Receive, product: Product) -> None:
    first = receive(photo(0))
    again = [receive(photo(0, shot)) for shot in range(1, 4)]
    others = [receive(photo(seed)) for seed in range(1, 10)]
    assert in_queue_order(product) == [first, *again, *others]
    assert near_duplicates.flag_duplicates(product) == 13
    assert [similarity_of(part) for part in again] == [1.0] * 3
    assert all(similarity_of(part) < 0.5 for part in [first, *others])
    assert in_queue_order(product)[-3:] == again
    assert {part.queue_sort_key for part in again} != {None}
    for part in again:
        part.refresh_from_db()
        assert part.queue_sort_key == part.received_at, "At its turn, and no later."
    assert near_duplicates.flag_duplicates(product) == 0


def test_a_repeat_knows_the_first_of_its_run(receive: Receive, product: Product) -> None:
    first = receive(photo(0))
    again = [receive(photo(0, shot)) for shot in range(1, 4)]
    others = [receive(photo(seed)) for seed in range(1, 10)]
    near_duplicates.flag_duplicates(product)
    later = receive(photo(0, 4))
    other = receive(photo(5, 1))
    near_duplicates.flag_duplicates(product)
    for part in [first, *again, *others, later, other]:
        part.refresh_from_db()
    assert {part.duplicate_of for part in [*again, later]} == {first}
    assert {part.duplicate_of for part in [first, *others]} == {None}
    assert other.duplicate_of == others[4]


def test_a_part_like_a_settled_one_repeats_it(receive: Receive, product: Product) -> None:
    for seed in range(10):
        receive(photo(seed))
    Inspection.objects.update(resolved_at=timezone.now())
    again, new = receive(photo(3, 1)), receive(photo(70))
    assert near_duplicates.flag_duplicates(product) == 2
    assert similarity_of(again) == 1.0
    assert again.duplicate_of is not None and again.duplicate_of.resolved_at is not None
    assert similarity_of(new) < 0.5


def test_a_part_like_an_imported_one_repeats_it(receive: Receive, product: Product) -> None:
    for seed in range(10):
        import_image(Submission(io.BytesIO(photo(seed)), product))
    again = receive(photo(3, 1))
    near_duplicates.flag_duplicates(product)
    assert similarity_of(again) == 1.0


def test_images_are_read_once(receive: Receive, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(9):
        receive(photo(seed))
    near_duplicates.flag_duplicates(product)
    assert Fingerprint.objects.count() == 9
    late = receive(photo(5, 1))
    read: list[Inspection] = []
    taken = near_duplicates._compute_fingerprint
    monkeypatch.setattr(near_duplicates, "_compute_fingerprint", lambda part: read.append(part) or taken(part))
    near_duplicates.flag_duplicates(product)
    assert read == [late]
    assert similarity_of(late) == 1.0


def test_an_image_that_is_gone_is_like_nothing(
    receive: Receive, product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [receive(photo(seed)) for seed in range(9)]
    image_files.image_path(parts[4]).unlink()
    assert near_duplicates.flag_duplicates(product) == 9
    assert similarity_of(parts[4]) < 0.1
    assert f"Could not compute the fingerprint of part {parts[4].pk}" in caplog.text


def test_products_are_not_compared_with_each_other(receive: Receive, product: Product) -> None:
    from inspection.products.products import create_product

    other = create_product("tile")
    for seed in range(10):
        receive(photo(seed), product=other)
    score_recovery.order_queues()
    part = receive(photo(3, 1))
    score_recovery.order_queues()
    assert similarity_of(part) == 0.0


def test_a_long_queue_is_compared_over_several_looks(
    receive: Receive, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental_duplicates, "BATCH_SIZE", 4)
    monkeypatch.setattr(score_recovery, "MAX_COMPARISONS", 2)
    parts = [receive(photo(seed)) for seed in range(10)]
    late = receive(photo(9, 1))
    score_recovery.order_queues()
    assert [part.pk for part in Inspection.objects.awaiting_duplicate_check().order_by("received_at")] == [
        parts[8].pk,
        parts[9].pk,
        late.pk,
    ]
    score_recovery.order_queues()
    assert similarity_of(late) == 1.0
    assert not Inspection.objects.awaiting_duplicate_check().exists()


def test_a_verdict_given_meanwhile_is_left_alone(
    receive: Receive, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [receive(photo(seed)) for seed in range(9)]
    placeable = queue_ranking.load_waiting_parts

    def settled_first(keys: list[object]) -> list[Inspection]:
        Inspection.objects.filter(pk=parts[0].pk).update(resolved_at=timezone.now())
        return placeable(keys)  # type: ignore[arg-type]

    monkeypatch.setattr(queue_ranking, "load_waiting_parts", settled_first)
    near_duplicates.flag_duplicates(product)
    parts[0].refresh_from_db()
    assert parts[0].similarity is None
    assert similarity_of(parts[1]) < 0.5


def test_nothing_new_costs_one_look_into_an_index(receive: Receive, product: Product) -> None:
    receive(photo(1))
    score_recovery.order_queues()
    with CaptureQueriesContext(connection) as asked:
        assert near_duplicates.flag_duplicates(product) == 0
    assert len(asked) == 1


def test_it_computes_on_one_thread(receive: Receive, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    receive(photo(1))
    threads: list[int] = []

    def compare(*_: object) -> list[incremental_duplicates.BestMatch]:
        threads.extend(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return [incremental_duplicates.BestMatch(0.0, None)]

    monkeypatch.setattr(incremental_duplicates, "best_earlier_match", compare)
    with threadpool_limits(2, user_api="blas"):
        near_duplicates.flag_duplicates(product)
    assert set(threads) == {1}


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_leave_one_order(receive: Receive, product: Product) -> None:
    for seed in range(12):
        receive(photo(seed))
    again = receive(photo(2, 1))
    run_concurrently([partial(score_recovery.order_queues) for _ in range(3)])
    assert similarity_of(again) == 1.0
    assert in_queue_order(product)[-1] == again
    product.refresh_from_db()
    assert product.ranking_fingerprint == queue_ranking.ranking_fingerprint(product)
    assert Fingerprint.objects.count() == 13


@pytest.mark.django_db(transaction=True)
def test_the_strategy_that_was_chosen_last_wins(receive: Receive, product: Product) -> None:
    parts = [receive(photo(seed)) for seed in range(9)]

    def choose() -> int:
        Product.objects.update(pick_strategy="diversity")
        return queue_ranking.rerank(product)

    run_concurrently(
        [
            partial(near_duplicates.flag_duplicates, product),
            choose,
            partial(queue_ranking.rerank, product),
            score_recovery.order_queues,
        ]
    )
    score_recovery.order_queues()
    for part in parts:
        part.refresh_from_db()
        assert part.queue_sort_key is not None
        assert part.similarity is not None
        assert part.received_at - part.queue_sort_key == pytest.approx(
            timedelta(days=1 - part.similarity), abs=timedelta(seconds=1)
        )
