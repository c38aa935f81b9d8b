"""A learning curve's queue: the product's priorities, near-duplicates last, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mltasks.vision.benchmarks.active_learning.simulated_queue import Arrival, SimulatedQueue, read_fingerprints
from mltasks.vision.drawing.line import write_image_folder
from mltasks.vision.serving.queue_priority import PRIORITY, PartSignals, priority
from mltasks.vision.types import Sample
from tests.tiny_model import small_parts
from tests.vision.data.test_duplicate_groups import photographed_fingerprint, tile

TURN = 1 / 6
# Fourteen tiles, of which the first four are photographed three times
FINGERPRINTS = [
    *(photographed_fingerprint(tile(seed), seed) for seed in range(14)),
    *(photographed_fingerprint(tile(seed), 100 + 10 * shot + seed) for shot in range(2) for seed in range(4)),
]
TILES = [*range(14), *range(4), *range(4)]


def make_queue(labeled: list[int], seed: int = 3) -> SimulatedQueue:
    waiting = [index for index in range(len(FINGERPRINTS)) if index not in labeled]
    return SimulatedQueue.from_stream(FINGERPRINTS, labeled, waiting, threshold=TURN, seed=seed)


@pytest.mark.parametrize("strategy", PRIORITY)
def test_it_orders_by_the_priority_of_the_products_queue(strategy: str) -> None:
    rng = np.random.default_rng(1)
    queue = SimulatedQueue(TURN, {at: Arrival(at, float(rng.random()), float(rng.random())) for at in range(50)})
    probabilities, novelty = rng.random(50), 2 * rng.random(50)
    worth = [
        priority(strategy, PartSignals(p, n, TURN, arrival.similarity, arrival.hash_uniform))
        for p, n, arrival in zip(probabilities, novelty, queue.arrivals.values(), strict=True)
    ]

    assert (
        queue.first(20, strategy, range(50), probabilities, novelty) == sorted(range(50), key=lambda i: -worth[i])[:20]
    )


@pytest.mark.parametrize("strategy", PRIORITY)
def test_repeats_of_labeled_and_of_earlier_parts_come_last(strategy: str) -> None:
    queue = make_queue(labeled=[0, 4, 5])
    waiting = list(queue.arrivals)
    order = queue.first(99, strategy, waiting, np.linspace(0.05, 0.95, len(waiting)), np.full(len(waiting), 0.5))

    assert sorted(order) == sorted(waiting)
    # Of tiles 1 to 3 the first arrival, and each other tile without a label, once
    assert sorted(TILES[index] for index in order[:11]) == [1, 2, 3, *range(6, 14)]
    positions = [queue.arrivals[index].position for index in order[11:]]
    assert positions == sorted(positions)


def test_parts_arrive_in_an_order_that_the_seed_draws() -> None:
    assert make_queue([0]).arrivals == make_queue([0]).arrivals
    assert list(make_queue([0]).arrivals) != list(make_queue([0], seed=4).arrivals)


def test_scores_of_other_nights_change_the_order_of_the_same_parts() -> None:
    queue = SimulatedQueue(TURN, {at: Arrival(at, 0.0, 0.5) for at in range(4)})
    novelty = np.zeros(2)

    assert queue.first(2, "expected_cost", [1, 3], np.array([0.2, 0.4]), novelty) == [3, 1]
    assert queue.first(2, "expected_cost", [1, 3], np.array([0.4, 0.2]), novelty) == [1, 3]


def test_it_reads_what_the_parts_look_like(tmp_path: Path) -> None:
    write_image_folder(tmp_path, small_parts(7, good=2, scratch=1, excess=0))
    paths = sorted(tmp_path.glob("*/*"))
    found = read_fingerprints([Sample(path.name, path.name, path, 0, path.name) for path in paths])

    assert len({image.texture.tobytes() for image in found}) == 3


def test_it_refuses_an_unknown_strategy() -> None:
    with pytest.raises(ValueError, match="'margin'"):
        make_queue([0]).first(1, "margin", [1], np.zeros(1), np.zeros(1))
