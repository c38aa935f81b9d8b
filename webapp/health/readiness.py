"""Readiness of this process: each component by name, with its error."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from mltasks.models import ModelVersion
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
    statuses = {"database": _status(_check_database), "disk": _status(_check_disk)}
    if object_store.is_shared():
        statuses["store"] = _status(_check_store)
    if statuses["database"] == OK:
        for version in ModelVersion.objects.filter(state=ModelVersion.State.CHAMPION).select_related("model"):
            statuses[f"champion:{version.model.name}"] = _status(partial(_check_bundle, version))
    return statuses


class _NotReady(Exception):  # noqa: N818 (what it says)
    """Error of a component; the message names component and reason."""


def _status(check: Callable[[], None]) -> str:
    try:
        check()
    except _NotReady as error:
        return str(error)
    return OK


def _check_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        raise _NotReady(f"no answer: {str(error).splitlines()[0]}") from error


def _check_disk() -> None:
    folders = [settings.VAR] if object_store.is_shared() else [settings.MEDIA_ROOT, settings.VAR]
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=folder):
                free = shutil.disk_usage(folder).free
        except OSError as error:
            raise _NotReady(f"{folder} cannot be written: {error.strerror}") from error
        if free < settings.MIN_FREE_DISK_BYTES:
            raise _NotReady(
                f"{folder} has {free >> 20} MiB free, but {settings.MIN_FREE_DISK_BYTES >> 20} MiB are required"
            )


def _check_store() -> None:
    try:
        object_store.image_bucket().check_reachable()
    except StoreUnreachable as error:
        raise _NotReady(str(error)) from error


def _check_bundle(version: ModelVersion) -> None:
    if object_store.is_shared() and not version.path.is_dir():
        _fetch(version)
    try:
        state = (version.sha256, _file_times(version.path))
        if _verified_bundles.get(version.path) != state:
            bundle.verify(version.path, version.sha256)
            _verified_bundles[version.path] = state
    except (bundle.BundleCorrupt, OSError) as error:
        raise _NotReady(f"version {version.number}: {error}") from error


def _fetch(version: ModelVersion) -> None:
    """Fetch the version in the background, and raise _NotReady until it is complete.

    Probes have a few seconds; a fetch may take longer.
    """
    with _lock:
        if version.pk not in _fetches:
            _fetches[version.pk] = _fetcher.submit(version_store.ensure_local, version)
        fetch = _fetches[version.pk]
    try:
        error = fetch.exception(timeout=FETCH_WAIT_SECONDS)
    except TimeoutError:
        raise _NotReady(f"version {version.number} is being fetched from the store") from None
    with _lock:
        _fetches.pop(version.pk, None)  # the next probe tries again
    if error is not None:
        raise _NotReady(f"version {version.number}: {error}") from error


def _file_times(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Return name, size and modification time of every file below ``folder``.

    Raises OSError when the folder is missing.
    """
    folder.stat()
    paths = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return frozenset((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
