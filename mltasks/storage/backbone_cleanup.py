"""Cleanup of files that pretraining runs leave on disk and no row needs."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models.functions import Now

from mltasks.models import BackboneRun, RunState
from mltasks.storage import object_store

logger = logging.getLogger(__name__)

# A failed run can be resumed for this long; then its tiles and its checkpoint are removed.
WORK_DIR_LIFETIME = timedelta(days=7)
_FILE_NAME = re.compile(
    r"(backbone-(?P<run>\d+)-(?P<attempt>\d+)-|\.work-(?P<work>\d+)-)(?P<key>[0-9a-f]{8})"
    r"(\.safetensors|\.json|\.safetensors\.\d+\.part)?"
)


def remove_orphaned_backbones() -> int:
    """Remove weights that no run names and work folders of ended runs; return their number.

    Only files of runs that this database knows by their key are removed.
    """
    removed = 0
    found = list(_list_files())
    runs = {
        run.pk: run for run in BackboneRun.objects.filter(pk__in=[pk for _, pk, _, _ in found]).without_large_fields()
    }
    resting = BackboneRun.objects.filter(state=RunState.FAILED, finished_at__gt=Now() - WORK_DIR_LIFETIME)
    resumable = set(resting.values_list("pk", flat=True))
    for path, pk, attempt, key in found:
        run = runs.get(pk)
        if run is None or run.key.hex[:8] != key or _is_needed(path, attempt, run, run.pk in resumable):
            continue
        _remove(path)
        logger.warning("Removed %s: no backbone run needs it.", path.name)
        removed += 1
    return removed


def _is_needed(path: Path, attempt: int | None, run: BackboneRun, resumable: bool) -> bool:
    if attempt is None:
        return resumable or not run.finished
    named = run.file and path.stem == Path(run.file).stem
    return bool(named) or (run.state == RunState.RUNNING and run.attempt == attempt)


def _list_files() -> Iterator[tuple[Path, int, int | None, str]]:
    """Yield path, run, attempt (None for a work folder) and the beginning of the run's key."""
    for path in Path(settings.VERSIONS_DIR).glob("*/backbones/*"):
        if named := _FILE_NAME.fullmatch(path.name):
            attempt = int(named["attempt"]) if named["attempt"] else None
            yield path, int(named["run"] or named["work"]), attempt, named["key"]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
        object_store.unpublish(path.relative_to(settings.VERSIONS_DIR).as_posix())
