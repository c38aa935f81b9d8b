"""Readiness of this process: each component by name, with its error."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from mltasks.models import ModelVersion
from mltasks.registry import precision_choice
from mltasks.storage import object_store, version_store
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving import bundle

OK = "ok"
# Path, digest and file times of verified bundles: hashing 100 MB at every probe would be too expensive.
_verified_bundles: dict[Path, tuple[str, frozenset[tuple[str, int, int]]]] = {}
# Seconds that a probe waits for a missing version; the fetch continues afterwards.
FETCH_WAIT_SECONDS = 0.3
_fetcher = ThreadPoolExecutor(1, thread_name_prefix="fetch-version")
_fetches: dict[int, Future[Path]] = {}
_lock = threading.Lock()


def check_readiness() -> dict[str, str]:
    """Return each component with ``ok`` or its error.

    Components: ``database``, ``disk``, ``store`` if machines share one, and ``champion:<name>`` for each champion.
    """
    statuses = {"database": _database_status(), "disk": _disk_status()}
    if object_store.is_shared():
        statuses["store"] = _store_status()
    if statuses["database"] == OK:
        for version in ModelVersion.objects.filter(state=ModelVersion.State.CHAMPION).select_related("model"):
            statuses[f"champion:{version.model.name}"] = _bundle_status(version)
    return statuses


def champion_precisions() -> dict[str, str]:
    """Return the precision in which this machine serves each champion, by model; empty if it was not measured yet."""
    champions = ModelVersion.objects.filter(state=ModelVersion.State.CHAMPION).select_related("model")
    found = {version.model.name: precision_choice.known_precision(version) for version in champions}
    return {name: precision.name if precision else "" for name, precision in found.items()}


def _database_status() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        return f"no answer: {str(error).splitlines()[0]}"
    return OK


def _disk_status() -> str:
    folders = [settings.VAR] if object_store.is_shared() else [settings.MEDIA_ROOT, settings.VAR]
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
        except OSError as error:
            return f"{folder} cannot be written: {error.strerror}"
        if free < settings.MIN_FREE_DISK_BYTES:
            return f"{folder} has {free >> 20} MiB free, but {settings.MIN_FREE_DISK_BYTES >> 20} MiB are required"
    return OK


def _store_status() -> str:
    try:
        object_store.image_bucket().check_reachable()
    except StoreUnreachable as error:
        return str(error)
    return OK


def _bundle_status(version: ModelVersion) -> str:
    if object_store.is_shared() and not version.path.is_dir() and (status := _fetch(version)) != OK:
        return status
    try:
        state = (version.sha256, _file_times(version.path))
        if _verified_bundles.get(version.path) != state:
            bundle.verify(version.path, version.sha256)
            _verified_bundles[version.path] = state
    except (bundle.BundleCorrupt, OSError) as error:
        return f"version {version.number}: {error}"
    return OK


def _fetch(version: ModelVersion) -> str:
    """Fetch the version in the background, because a probe has few seconds; return its status."""
    with _lock:
        if version.pk not in _fetches:
            _fetches[version.pk] = _fetcher.submit(version_store.ensure_local, version)
        fetch = _fetches[version.pk]
    try:
        error = fetch.exception(timeout=FETCH_WAIT_SECONDS)
    except TimeoutError:
        return f"version {version.number} is being fetched from the store"
    with _lock:
        _fetches.pop(version.pk, None)  # the next probe tries again
    return OK if error is None else f"version {version.number}: {error}"


def _file_times(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return name, size and modification time of every file below ``folder``.

    Raises OSError when the folder is missing.
    """
    folder.stat()
    paths = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return frozenset((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
