"""Memory of a web process that scores for several products in turn, each with a version of its own."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import psutil
from django.conf import settings
from django.urls import get_resolver

from mltasks.models import ModelVersion
from mltasks.registry.scorer_cache import ScorerCache
from mltasks.vision.serving.scorer import Scorer
from webapp.server.process_memory import configure_allocator

MAX_MEMORY_MB = 500


def run(version: Path, folder: Path, products: int, rounds: int) -> int:
    """Score ``rounds`` images for each product in turn; return 1 if the process ever took more than MAX_MEMORY_MB.

    Every product has a copy of the version. Memory is resident memory; its maximum includes loading.
    """
    configure_allocator()
    assert get_resolver().url_patterns  # noqa: S101 (imports all that a web process does)
    print(f"a web process before its first version: {_resident_mb()} MB")
    cache = ScorerCache(_load, settings.SCORER_CACHE_BYTES)
    rows = [_copy(version, folder, number) for number in range(products)]
    for number in range(rounds):
        begun, seconds = time.perf_counter(), time.process_time()
        for row in rows:
            scorer = cache.get(row)
            scorer.predict(np.zeros((scorer.input_size.height, scorer.input_size.width, 3), np.uint8))
            del scorer
        each = (time.perf_counter() - begun) / products, (time.process_time() - seconds) / products
        print(
            f"round {number + 1}: {_resident_mb()} MB, cache {cache.total_bytes >> 20} of "
            f"{settings.SCORER_CACHE_BYTES >> 20} MB, {each[0]:.2f} s and {each[1]:.2f} processor seconds an image"
        )
    most = _peak_mb()
    outcome = "ok" if most <= MAX_MEMORY_MB else "FAIL"
    print(f"at most {most} MB with {products} products, limit {MAX_MEMORY_MB} MB: {outcome}")
    return int(most > MAX_MEMORY_MB)


def _copy(version: Path, folder: Path, number: int) -> ModelVersion:
    copy = folder / str(number)
    shutil.copytree(version, copy)
    return ModelVersion(pk=number + 1, bundle=str(copy))


def _load(version: ModelVersion) -> Scorer:
    return Scorer.load(Path(version.bundle), threads=settings.SCORING_THREADS, images=settings.SCORING_IMAGES)


def _peak_mb() -> int:
    """Return the most that this process took since its start; `getrusage` would count its parent's memory, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) >> 10


def _resident_mb() -> int:
    return int(psutil.Process().memory_info().rss) >> 20
