"""Which waiting parts a person should see next."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mltasks.vision.benchmarks.active_learning import pool_selection
from mltasks.vision.benchmarks.active_learning.pool_selection import UnlabeledPool, select_parts
from mltasks.vision.types import Costs

COSTS = Costs()
SIZE = 16


def normalize(rows: NDArray[Any]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_embeddings(count: int, seed: int = 0, size: int = SIZE) -> NDArray[np.float32]:
    return normalize(np.random.default_rng(seed).normal(size=(count, size)))


def make_pool(count: int = 40, **changes: Any) -> UnlabeledPool:
    rng = np.random.default_rng(count)
    values: dict[str, Any] = {
        "probabilities": rng.random(count),
        "novelty": rng.random(count) * 1.2,
        "embeddings": random_embeddings(count, 1),
        "labeled_embeddings": random_embeddings(8, 2),
    }
    return UnlabeledPool(**{**values, **changes})


def pick_indexes(strategy: str, pool: UnlabeledPool, count: int = 5, seed: int = 3, **options: Any) -> list[int]:
    return select_parts(strategy, pool, count, costs=COSTS, seed=seed, **options)


def test_uncertainty_goes_by_the_distance_to_the_threshold_in_logits() -> None:
    # The default costs turn at 1/6. 0.02 is nearer than 0.9 in probability, and as far in logits.
    pool = make_pool(4, probabilities=np.array([0.001, 0.9, 0.02, 0.17]))
    assert pick_indexes("uncertainty", pool, 4) == [3, 2, 1, 0]


def test_uncertainty_follows_the_costs() -> None:
    pool = make_pool(3, probabilities=np.array([0.2, 0.5, 0.8]))
    assert select_parts("uncertainty", pool, 1, costs=Costs(fn=1, fp=4), seed=0) == [2]


def test_novelty_goes_by_the_anomaly_ratio_and_ties_by_index() -> None:
    pool = make_pool(4, novelty=np.array([0.5, 1.5, 3.0, 1.5]))
    assert pick_indexes("novelty", pool, 4) == [2, 1, 3, 0]


def test_diversity_is_greedy_k_centre() -> None:
    pool = make_pool(60)
    known, want = list(pool.labeled_embeddings), []
    for _ in range(10):
        apart = np.array([min(1 - row @ one for one in known) for row in pool.embeddings])
        want.append(int(apart.argmax()))
        known.append(pool.embeddings[want[-1]])
    assert pick_indexes("diversity", pool, 10) == want


def test_diversity_begins_without_labels() -> None:
    assert pick_indexes("diversity", make_pool(10, labeled_embeddings=random_embeddings(0)), 1) == [0]


def test_expected_cost_takes_probable_defects_far_from_what_is_known() -> None:
    labeled = random_embeddings(1, 9)
    here, there = labeled[0], -labeled[0]
    near = normalize(np.stack([here + 0.1 * there, here, there]) + 0.05 * random_embeddings(3, 4))
    pool = UnlabeledPool(np.array([0.7, 0.95, 0.7]), np.zeros(3), near, labeled)
    assert pick_indexes("expected_cost", pool, 1) == [2]
    alike = UnlabeledPool(np.array([0.5, 0.9, 0.1]), np.zeros(3), near[[2, 2, 2]], labeled)
    assert pick_indexes("expected_cost", alike, 1) == [1]


def test_expected_cost_keeps_a_share_for_novel_parts_that_the_model_is_sure_of() -> None:
    probabilities = np.full(40, 0.3)
    novelty = np.full(40, 0.5)
    probabilities[[7, 21]], novelty[[7, 21]] = 0.0, [2.0, 4.0]
    found = pick_indexes("expected_cost", make_pool(40, probabilities=probabilities, novelty=novelty), 8)
    assert {found[3], found[7]} == {7, 21}


def test_random_is_seeded() -> None:
    pool = make_pool()
    assert pick_indexes("random", pool) == pick_indexes("random", pool) != pick_indexes("random", pool, seed=4)


@pytest.mark.parametrize("strategy", pool_selection.STRATEGIES)
def test_no_run_offers_near_duplicates(strategy: str) -> None:
    copies = normalize(np.repeat(random_embeddings(6, 5), 10, axis=0) + 1e-3 * random_embeddings(60, 6))
    found = pick_indexes(strategy, make_pool(60, embeddings=copies), 20)
    assert sorted(index // 10 for index in found) == list(range(6))


@settings(max_examples=60)
@given(st.sampled_from(sorted(pool_selection.STRATEGIES)), st.integers(0, 30), st.integers(0, 40), st.integers(0, 5))
def test_picks_are_different_parts_and_the_same_every_time(strategy: str, size: int, count: int, labels: int) -> None:
    pool = make_pool(size, labeled_embeddings=random_embeddings(labels, 2))
    found = pick_indexes(strategy, pool, count)
    assert found == pick_indexes(strategy, pool, count)
    assert len(set(found)) == len(found) == min(size, count)
    assert set(found) <= set(range(size))


def test_at_a_cold_start_expected_cost_finds_many_times_the_rare_defects() -> None:
    rng = np.random.default_rng(5)
    kinds, count = normalize(rng.normal(size=(3, SIZE))), 2000
    kind = np.where(rng.random(count) < 0.02, rng.integers(1, 3, count), 0)
    rows = normalize(kinds[kind] + 0.4 * random_embeddings(count, 6))
    # The young model half sees the first kind, and passes the second, which only the novelty tells.
    score = np.where(kind == 1, 0.15, 0.02) + 0.05 * rng.random(count)
    novelty = 0.7 + 0.3 * rng.random(count) + 0.4 * (kind == 2)
    pool = UnlabeledPool(score, novelty, rows, rows[kind == 0][:40])
    hits = {name: int((kind[pick_indexes(name, pool, 24)] > 0).sum()) for name in ("expected_cost", "random")}
    both = {int(one) for one in kind[pick_indexes("expected_cost", pool, 24)]} - {0}
    print(f"defects of {int((kind > 0).sum())} in 24 picks: {hits}, kinds {both}")
    assert both == {1, 2}
    assert hits["expected_cost"] >= 5 * max(1, hits["random"])


def test_it_picks_from_fifty_thousand_in_seconds() -> None:
    count = 50_000
    rng = np.random.default_rng(0)
    pool = UnlabeledPool(
        rng.random(count), rng.random(count), random_embeddings(count, 1, 128), random_embeddings(2000, 2, 128)
    )
    begun = time.perf_counter()
    assert len(pick_indexes("expected_cost", pool, 50)) == 50
    print(f"50 of {count}: {time.perf_counter() - begun:.2f} s")
    # A second where nothing else runs; the limit is for machines that are shared.
    assert time.perf_counter() - begun < 20


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"probabilities": np.array([0.1, np.nan, 0.2])}, "probabilities"),
        ({"probabilities": np.array([0.1, 1.1, 0.2])}, "probabilities"),
        ({"novelty": np.array([0.1, np.inf, 0.2])}, "novelty"),
        ({"novelty": np.array([0.1, -0.1, 0.2])}, "novelty"),
        ({"novelty": np.zeros(2)}, "shape"),
        ({"embeddings": random_embeddings(2)}, "2 embeddings"),
        ({"embeddings": random_embeddings(3) * 2}, "length"),
        ({"embeddings": random_embeddings(3) * np.float32("nan")}, "length"),
        ({"embeddings": np.zeros(3, np.float32)}, "axes"),
        ({"labeled_embeddings": random_embeddings(2, size=4)}, "differ"),
    ],
)
def test_it_refuses_a_broken_pool(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_pool(3, **changes)


def test_it_refuses_unknown_strategies_and_negative_counts() -> None:
    with pytest.raises(
        ValueError, match=r"'margin'. Choose from: uncertainty, novelty, diversity, expected_cost, random"
    ):
        pick_indexes("margin", make_pool())
    with pytest.raises(ValueError, match="at least 0"):
        pick_indexes("random", make_pool(), -1)
