"""Memory-limited cache of loaded scorers per process; the least recently used are evicted."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Counter, Gauge

from mltasks.models import ModelVersion
from mltasks.vision.serving import process_pages
from mltasks.vision.serving.scorer import Scorer

_VERSIONS = Gauge("second_look_scorer_versions", "Versions loaded for scoring.", multiprocess_mode="livesum")
_BYTES = Gauge("second_look_scorer_bytes", "Estimated memory of loaded versions.", multiprocess_mode="livesum")
_LOADS = Counter("second_look_scorer_loads", "Versions loaded for scoring.")
_EVICTIONS = Counter("second_look_scorer_evictions", "Loaded versions dropped to make room for another.")


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    scorer: Scorer | None = None
    size: int = 0


class ScorerCache:
    """Scorers by version and hash; two threads that need the same scorer load it once.

    The ``min_entries`` last used stay whatever their size. More stay while all together take at most ``max_bytes``
    bytes.
    """

    def __init__(
        self,
        load: Callable[[ModelVersion], Scorer],
        max_bytes: int = 0,
        *,
        min_entries: int = 1,
        size: Callable[[Scorer], int] = lambda scorer: scorer.memory_bytes,
    ) -> None:
        self._load, self._size = load, size
        self._max_bytes, self._min_entries = max_bytes, min_entries
        self._lock = threading.Lock()
        self._slots: OrderedDict[tuple[int, str], _Slot] = OrderedDict()

    def get(self, version: ModelVersion) -> Scorer:
        """Return the version's scorer. An error while loading is raised; the next call tries again."""
        key = (version.pk, version.sha256)
        slot = self._slot(key)
        # Each slot has its own lock: while one version loads, others score.
        with slot.lock:
            if slot.scorer is None:
                self._make_room()
                scorer = self._load(version)
                slot.scorer, slot.size = scorer, self._size(scorer)
                _LOADS.inc()
                self._keep(key, slot)
            return slot.scorer

    @property
    def total_bytes(self) -> int:
        """Return the estimated memory of all loaded versions."""
        with self._lock:
            return sum(slot.size for slot in self._slots.values())

    def _slot(self, key: tuple[int, str]) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            return slot

    def _make_room(self) -> None:
        """Evict for a version as large as the largest one, so that both are not in memory while it loads."""
        with self._lock:
            self._evict(max((slot.size for slot in self._slots.values()), default=0), self._min_entries - 1)
        process_pages.return_freed_memory()

    def _keep(self, key: tuple[int, str], newest: _Slot) -> None:
        with self._lock:
            self._slots[key] = newest  # it may have been evicted while it loaded
            self._slots.move_to_end(key)
            self._evict(0, self._min_entries)
        process_pages.return_freed_memory()

    def _evict(self, room: int, min_entries: int) -> None:
        """Drop the least recently used until ``room`` bytes are free, but keep ``min_entries``."""
        loaded = [loaded_key for loaded_key, slot in self._slots.items() if slot.scorer is not None]
        total = sum(self._slots[loaded_key].size for loaded_key in loaded)
        while len(loaded) > min_entries and total + room > self._max_bytes:
            total -= self._slots.pop(loaded.pop(0)).size
            _EVICTIONS.inc()
        _VERSIONS.set(len(loaded))
        _BYTES.set(total)
