"""Scorers of versions, kept in the process. Never imports torch: the web process serves through the exported graph."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from django.conf import settings

from mltasks.models import ModelVersion
from mltasks.registry.host_semaphore import MachineTurns
from mltasks.registry.scorer_cache import ScorerCache
from mltasks.storage import version_store
from mltasks.vision.serving.scorer import Scorer, Turn


def _loaded(version: ModelVersion, turn: Turn) -> Scorer:
    return Scorer.load(
        version_store.at_hand(version),
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


_scorers = ScorerCache(_load, settings.SCORER_CACHE_BYTES)
# A candidate and a champion at a time.
_batch_scorers = ScorerCache(_load_for_batches, at_least=2)


def loaded_bytes() -> int:
    """Return the estimated memory of the versions that this process has loaded to serve."""
    return _scorers.bytes


def scorer(version: ModelVersion) -> Scorer:
    """The version's scorer, loaded and verified by its sha256 at the first call in this process.

    Raises BundleCorrupt when its files are missing or not what was trained, and StoreAway when a bucket has them that
    can't be reached.
    """
    return _scorers.get(version)


def batch_scorer(version: ModelVersion) -> Scorer:
    """The version's scorer for many stored parts, in a process that nobody waits for. Raises as ``scorer``."""
    return _batch_scorers.get(version)
