"""A champion whose files are damaged does not stop the line: the last good champion before it scores meanwhile.

A process that has the champion in memory goes on with it: it was verified when it was loaded.
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

# Seconds until files that were damaged are read again: somebody may have brought them back.
RETRY_AFTER = 30.0


class ServingVersion(NamedTuple):
    """Version that scores, with its loaded scorer."""

    version: ModelVersion
    scorer: Scorer


class _DamagedVersions:
    """Versions whose files were found damaged lately, in this process: reading a hundred megabytes for each part would
    hold up the line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._damaged_at: dict[tuple[int, str], tuple[float, BundleCorrupt]] = {}

    def scorer(self, version: ModelVersion) -> Scorer:
        """The version's scorer. Raises BundleCorrupt, also where it was found less than AGAIN_AFTER ago."""
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
            logger.exception("%s is damaged and can't score.", version)
            raise

    def forget(self) -> None:
        """Look at all of them anew."""
        with self._lock:
            self._damaged_at.clear()


_damaged_versions = _DamagedVersions()
forget_damaged = _damaged_versions.forget


def load_serving_version(champion: ModelVersion) -> ServingVersion:
    """The champion, or where its files are damaged the last champion before it whose files are whole. A version that
    was rolled back from never stands in.

    Raises BundleCorrupt, the champion's, when none is, and StoreAway when a bucket has the files that can't be reached.
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
