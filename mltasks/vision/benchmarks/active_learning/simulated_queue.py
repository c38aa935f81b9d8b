"""Review queue of a learning curve: the product's order, for a stream of parts that arrive together.

The signals, their priority and the sort key are those of the product's queue: `queue_priority.py` computes them, and
near-duplicates are found as in the product, in the order of arrival. All parts have one arrival time, so the priority
alone orders them; parts of equal priority keep the order of their arrival.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mltasks.vision.data.duplicate_groups import Fingerprint, fingerprint
from mltasks.vision.data.incremental_duplicates import similarities_on_arrival
from mltasks.vision.networks.compute import derive_seed
from mltasks.vision.serving.queue_priority import PartSignals, priority, queue_sort_key
from mltasks.vision.types import Sample

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Signals of one waiting part that depend on no model, and its position in the order of arrival."""

    position: int
    similarity: float
    hash_uniform: float


@dataclass(frozen=True, slots=True)
class SimulatedQueue:
    """Parts of a stream, by index, in one review queue."""

    threshold: float
    arrivals: Mapping[int, Arrival]

    @classmethod
    def from_stream(
        cls,
        fingerprints: Sequence[Fingerprint],
        labeled: Sequence[int],
        waiting: Sequence[int],
        *,
        threshold: float,
        seed: int,
    ) -> SimulatedQueue:
        """Let the ``waiting`` parts arrive after the ``labeled`` ones, in an order drawn by the seed.

        ``threshold`` is the probability from which FAIL is the cheaper decision.
        """
        order = [int(index) for index in np.random.default_rng(derive_seed(seed, "arrival")).permutation(waiting)]
        known, new = ([fingerprints[index] for index in indices] for indices in (labeled, order))
        similarities = similarities_on_arrival(known, new)
        uniforms = np.random.default_rng(derive_seed(seed, "queue")).random(len(order))
        signals = zip(order, similarities, uniforms, strict=True)
        return cls(threshold, {index: Arrival(at, alike, float(u)) for at, (index, alike, u) in enumerate(signals)})

    def first(
        self, count: int, strategy: str, waiting: Sequence[int], probabilities: Floats, novelty: Floats
    ) -> list[int]:
        """Return the first ``count`` of the waiting parts, by their current scores ``[len(waiting)]``.

        Raises ValueError for an unknown strategy and for scores out of range.
        """
        keys = {
            index: self._sort_key(strategy, self.arrivals[index], float(probability), float(novel))
            for index, probability, novel in zip(waiting, probabilities, novelty, strict=True)
        }
        return sorted(keys, key=keys.__getitem__)[:count]

    def _sort_key(self, strategy: str, arrival: Arrival, probability: float, novelty: float) -> tuple[float, int]:
        signals = PartSignals(probability, novelty, self.threshold, arrival.similarity, arrival.hash_uniform)
        return queue_sort_key(0.0, priority(strategy, signals)), arrival.position


def read_fingerprints(samples: Sequence[Sample]) -> list[Fingerprint]:
    """Read the images and return their fingerprints. Raises ImageError and OSError."""
    return [fingerprint(Path(sample.path), sample.roi, bit_depth=sample.bit_depth) for sample in samples]
