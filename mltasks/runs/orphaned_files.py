"""Removal of files that killed or failed runs leave below VERSIONS_DIR and no row needs.

Only files of runs that this database knows by their key are removed: another database's files stay.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from mltasks.models import BackboneRun, ModelVersion, RunState, TrainingRun
from mltasks.models.runs import RunT
from mltasks.storage import object_store, version_store

logger = logging.getLogger(__name__)

# A failed pretraining run can be resumed for this long; then its tiles and its checkpoint are removed.
WORK_DIR_LIFETIME = timedelta(days=7)

_VERSION_FOLDER = re.compile(r"\.?run-(?P<run>\d+)-(?P<attempt>\d+)-(?P<key>[0-9a-f]{8})(\.[0-9a-f]+\.partial)?")
# Work folders serve all attempts of a run.
_BACKBONE_FILE = re.compile(
    r"(backbone|\.work)-(?P<run>\d+)-((?P<attempt>\d+)-)?(?P<key>[0-9a-f]{8})"
    r"(\.safetensors|\.json|\.safetensors\.\d+\.part)?"
)


def remove_orphaned_files() -> int:
    """Remove files that no row names from this machine and the store; return their number."""
    return remove_orphaned_versions() + remove_orphaned_backbones()


def remove_orphaned_versions() -> int:
    """Remove directories of attempts that ended without a version; return how many."""
    runs = TrainingRun.objects.defer("log", "epochs")
    ended = [(path, run) for path, run in _ended_attempts(runs, "*/*", _VERSION_FOLDER) if path.is_dir()]
    # Read after the runs: if a listed directory's run is no longer running, its version's row exists by now or never
    # will.
    named = set(ModelVersion.objects.values_list("bundle", flat=True))
    orphans = [path for path, _ in ended if _name(path) not in named]
    for path in orphans:
        version_store.remove(_name(path))
        _log_removal(path)
    return len(orphans)


def remove_orphaned_backbones() -> int:
    """Remove weights that no run names and work folders of ended runs; return their number."""
    ended = _ended_attempts(BackboneRun.objects.without_large_fields(), "*/backbones/*", _BACKBONE_FILE)
    failed = BackboneRun.objects.filter(state=RunState.FAILED, finished_at__gt=Now() - WORK_DIR_LIFETIME)
    resumable = set(failed.values_list("pk", flat=True))
    orphans = [path for path, run in ended if not _backbone_needs(path, run, resumable)]
    for path in orphans:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
            object_store.unpublish(_name(path))
        _log_removal(path)
    return len(orphans)


def _backbone_needs(path: Path, run: BackboneRun, resumable: Collection[int]) -> bool:
    if path.name.startswith(".work-"):
        return not run.finished or run.pk in resumable
    return bool(run.file) and path.stem == Path(run.file).stem


def _ended_attempts(runs: QuerySet[RunT], glob: str, pattern: re.Pattern[str]) -> list[tuple[Path, RunT]]:
    """Return the files below VERSIONS_DIR that the pattern matches, without those of running attempts.

    Each file comes with its run.
    """
    matches = [
        (path, match)
        for path in Path(settings.VERSIONS_DIR).glob(glob)
        if (match := pattern.fullmatch(path.name)) is not None
    ]
    rows = {run.pk: run for run in runs.filter(pk__in={int(match["run"]) for _, match in matches})}
    ended = []
    for path, match in matches:
        run = rows.get(int(match["run"]))
        if run is None or run.key.hex[:8] != match["key"]:
            continue
        if run.state != RunState.RUNNING or match["attempt"] != str(run.attempt):
            ended.append((path, run))
    return ended


def _name(path: Path) -> str:
    return path.relative_to(settings.VERSIONS_DIR).as_posix()


def _log_removal(path: Path) -> None:
    logger.warning("Removed %s: no row needs it.", _name(path))
