"""Serving version: the champion, or a fallback version if the champion's files are damaged.

A process that has loaded the champion keeps it: the files were verified when they were loaded.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import NamedTuple

from mltasks.models import ModelVersion
from mltasks.registry import scorers
from mltasks.registry.former_champions import former_champions
from mltasks.vision.serving.bundle import BundleCorrupt
from mltasks.vision.serving.scorer import Scorer

logger = logging.getLogger(__name__)

# Seconds until damaged files are read again, because they may have been restored.
RETRY_AFTER = 30.0


class ServingVersion(NamedTuple):
    """Version that scores, with its loaded scorer."""

    version: ModelVersion
    scorer: Scorer


class _DamagedVersions:
    """Versions whose files this process recently found damaged.

    Without this, every part would wait until a hundred megabytes are read again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._damaged_at: dict[tuple[int, str], tuple[float, BundleCorrupt]] = {}

    def scorer(self, version: ModelVersion) -> Scorer:
        """Return the version's scorer.

        Raises BundleCorrupt, also if the damage was found less than RETRY_AFTER seconds ago.
        """
        key = version.pk, version.sha256
        with self._lock:
            found, error = self._damaged_at.get(key, (0.0, None))
        if error is not None and time.monotonic() - found < RETRY_AFTER:
            raise error
        try:
            return scorers.get_scorer(version)
        except BundleCorrupt as corrupt:
            with self._lock:
                self._damaged_at[key] = time.monotonic(), corrupt
            logger.exception("The files of %s are damaged: it cannot score.", version)
            raise

    def forget(self) -> None:
        """Clear the list, so that all files are read again."""
        with self._lock:
            self._damaged_at.clear()


_damaged_versions = _DamagedVersions()
forget_damaged = _damaged_versions.forget


def load_serving_version(champion: ModelVersion) -> ServingVersion:
    """Load the version that scores.

    If the champion's files are damaged, fall back to the latest former champion with intact files. A version that was
    rolled back from is never a fallback version. Raises the champion's BundleCorrupt if no version is intact, and
    StoreUnreachable if the bucket with the files can't be reached.
    """
    try:
        return ServingVersion(champion, _damaged_versions.scorer(champion))
    except BundleCorrupt:
        for former in former_champions(champion.model_id):
            try:
                return ServingVersion(former, _damaged_versions.scorer(former))
            except BundleCorrupt:
                continue
        raise
