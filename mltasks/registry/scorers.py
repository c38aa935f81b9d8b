"""Loaded scorers of versions in this process.

Never imports torch: the web process scores with the exported graph.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from pathlib import Path

from django.conf import settings

from mltasks.models import ModelVersion
from mltasks.registry.host_semaphore import HostSemaphore
from mltasks.registry.precision_choice import choose_precision
from mltasks.registry.scorer_cache import ScorerCache
from mltasks.storage import version_store
from mltasks.vision.serving.scorer import AcquireSlot, Scorer


def _load_scorer(version: ModelVersion, acquire_slot: AcquireSlot) -> Scorer:
    return Scorer.load(
        version_store.ensure_local(version),
        expected_sha256=version.sha256,
        threads=settings.SCORING_THREADS,
        images=settings.SCORING_IMAGES,
        acquire_slot=acquire_slot,
        precision=choose_precision(version),
    )


def _load_for_serving(version: ModelVersion) -> Scorer:
    return _load_scorer(version, host_semaphore().acquire)


def host_semaphore() -> HostSemaphore:
    """Return the process's slots of serving: one queue for the images of all versions and fast paths."""
    return _host_semaphore(Path(settings.VAR) / "turns", settings.SCORING_IMAGES)


@cache
def _host_semaphore(folder: Path, count: int) -> HostSemaphore:
    """Return the process's semaphore: one queue for the images of all versions."""
    return HostSemaphore(folder, count)


def _load_for_batches(version: ModelVersion) -> Scorer:
    """Load a scorer without a host semaphore.

    Only workers of low priority use it, and so yield to serving.
    """
    return _load_scorer(version, nullcontext)


_scorers = ScorerCache(_load_for_serving, settings.SCORER_CACHE_BYTES)
# A candidate and a champion are used together.
_batch_scorers = ScorerCache(_load_for_batches, min_entries=2)


def loaded_bytes() -> int:
    """Return the estimated memory of the versions that this process has loaded to serve."""
    return _scorers.total_bytes


def get_scorer(version: ModelVersion) -> Scorer:
    """Return the version's scorer, loaded and verified by its sha256 at the first call.

    Raises BundleCorrupt if its files are missing or damaged, and StoreUnreachable.
    """
    return _scorers.get(version)


def get_batch_scorer(version: ModelVersion) -> Scorer:
    """Return the version's scorer for many stored parts, in a process with low priority.

    Raises as ``get_scorer`` does.
    """
    return _batch_scorers.get(version)
