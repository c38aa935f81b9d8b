"""Serving version: the champion, or a fallback version if the champion's files are damaged.

A process that has loaded the champion keeps it: the files were verified when they were loaded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from mltasks.models import ModelVersion
from mltasks.registry import scorers
from mltasks.registry.registry import former_champions
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.scorer import Scorer

logger = logging.getLogger(__name__)

GetScorer = Callable[[ModelVersion], Scorer]
# Seconds until damaged files are read again, because they may have been restored.
RETRY_AFTER = 30.0


class ServingVersion(NamedTuple):
    """Version that scores, with its loaded scorer."""

    version: ModelVersion
    scorer: Scorer


# Time of the damage found and the error, by version and hash. Without it, every part would wait until a hundred
# megabytes are read again.
_damage: dict[tuple[int, str], tuple[float, BundleCorrupt]] = {}


def forget_damaged() -> None:
    """Forget all damage found, so that all files are read again."""
    _damage.clear()


def _get_scorer(version: ModelVersion, get: GetScorer | None) -> Scorer:
    """Return the version's scorer by ``get``, by default ``scorers.get_scorer``.

    Raises BundleCorrupt, also if the damage was found less than RETRY_AFTER seconds ago.
    """
    key = version.pk, version.sha256
    if key in _damage:
        damaged_at, error = _damage[key]
        if time.monotonic() - damaged_at < RETRY_AFTER:
            raise error
    try:
        return (get or scorers.get_scorer)(version)
    except BundleCorrupt as corrupt:
        _damage[key] = time.monotonic(), corrupt
        logger.exception("The files of %s are damaged: it cannot score.", version)
        raise


def load_version(version: ModelVersion, get: GetScorer | None = None) -> ServingVersion:
    """Load exactly this version; workers of low priority pass ``scorers.get_batch_scorer``.

    Raises BundleCorrupt and StoreUnreachable.
    """
    return ServingVersion(version, _get_scorer(version, get))


def load_serving_version(champion: ModelVersion, get: GetScorer | None = None) -> ServingVersion:
    """Load the version that scores; ``get`` is as in ``load_version``.

    If the champion's files are damaged, fall back to the latest former champion with intact files. A version that was
    rolled back from is never a fallback version. Raises the champion's BundleCorrupt if no version is intact, and
    StoreUnreachable if the bucket with the files cannot be reached.
    """
    try:
        return load_version(champion, get)
    except BundleCorrupt:
        for former in former_champions(champion.model_id):
            try:
                return load_version(former, get)
            except BundleCorrupt:
                continue
        raise
