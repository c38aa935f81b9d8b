"""Scorers of versions, kept in the process. Never imports torch: the web process serves through the exported graph."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from mltasks import version_files
from mltasks.machine_turns import MachineTurns
from mltasks.models import ModelVersion
from mltasks.vision.scorer import Scorer, Turn

CAPACITY = 4  # versions in memory: some 100 MB each


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    scorer: Scorer | None = None


class ScorerCache:
    """The scorers used last, by version and hash. Two threads that need one at once load it once."""

    def __init__(self, load: Callable[[ModelVersion], Scorer], capacity: int = CAPACITY) -> None:
        self._load = load
        self._capacity = capacity
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[int, str], _Slot] = OrderedDict()

    def get(self, version: ModelVersion) -> Scorer:
        """Return the version's scorer. What loading raises is raised, and tried again at the next call."""
        slot = self._slot((version.pk, version.sha256))
        # A lock of the slot's own: while one version loads, others score.
        with slot.lock:
            if slot.scorer is None:
                slot.scorer = self._load(version)
            return slot.scorer

    def _slot(self, key: tuple[int, str]) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > self._capacity:
                self._slots.popitem(last=False)
            return slot


def _loaded(version: ModelVersion, turn: Turn) -> Scorer:
    return Scorer.load(
        version_files.at_hand(version),
        expected_sha256=version.sha256,
        threads=settings.SCORING_THREADS,
        images=settings.SCORING_IMAGES,
        turn=turn,
    )


def _load(version: ModelVersion) -> Scorer:
    return _loaded(version, MachineTurns(Path(settings.VAR) / "turns", settings.SCORING_IMAGES).turn)


def _load_for_batches(version: ModelVersion) -> Scorer:
    """One that waits for no turn: workers of low priority use it, and give way to serving by that."""
    return _loaded(version, nullcontext)


_scorers = ScorerCache(_load)
# A candidate and a champion at a time.
_batch_scorers = ScorerCache(_load_for_batches, capacity=2)


def scorer(version: ModelVersion) -> Scorer:
    """The version's scorer, loaded and verified by its sha256 at the first call in this process.

    Raises BundleCorrupt when its files are missing or not what was trained, and StoreAway when a bucket has them that
    can't be reached.
    """
    return _scorers.get(version)


def batch_scorer(version: ModelVersion) -> Scorer:
    """The version's scorer for many stored parts, in a process that nobody waits for. Raises as ``scorer``."""
    return _batch_scorers.get(version)
