"""Recovery after a crash: lost messages, runs without a worker, files that no row names."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from mltasks.models import ModelVersion, Run, TrainingRun
from mltasks.models.runs import runs_of
from mltasks.runs import dispatch
from mltasks.runs.lease import LEASE_DURATION, release_after_failure
from mltasks.storage import backbone_cleanup, version_store

logger = logging.getLogger(__name__)

# A run's first message is in flight for a moment after its commit; a busy worker may take long to read a message.
ENQUEUE_GRACE = timedelta(seconds=10)
ENQUEUE_TIMEOUT = timedelta(minutes=2)

_ATTEMPT_FOLDER = re.compile(r"\.?run-(?P<run>\d+)-(?P<attempt>\d+)-(?P<key>[0-9a-f]{8})(\.[0-9a-f]+\.partial)?")


def run_classes() -> list[type[Run]]:
    """Return every concrete run model, of this app and of other apps."""
    return [model for model in apps.get_models() if issubclass(model, Run)]


def recover_runs() -> int:
    """Release, resend and clean up once; return the number of runs and files touched.

    Any number of processes may recover at the same time.
    """
    return release_abandoned() + resend_lost_messages() + remove_orphaned_files()


def remove_orphaned_files() -> int:
    """Remove files that no row names from this machine and the store; return their number."""
    return remove_orphaned_versions() + backbone_cleanup.remove_orphaned_backbones()


def release_abandoned() -> int:
    """Requeue runs with expired leases, or fail them after their last attempt; return how many."""
    freed = 0
    for kind in run_classes():
        for run in runs_of(kind).abandoned().defer("log", "epochs"):
            if run.lease_token is not None:
                silence = f"The {run.activity} did not report for {LEASE_DURATION.seconds} s"
                reason = f"{silence}: its worker or its machine stopped"
                freed += release_after_failure(run, run.lease_token, reason)
    return freed


def resend_lost_messages() -> int:
    """Send messages again for queued runs that no worker took; return how many were sent."""
    never = Q(enqueued_at=None, created_at__lt=Now() - ENQUEUE_GRACE)
    long_ago = Q(enqueued_at__lt=Now() - ENQUEUE_TIMEOUT)
    waiting = [
        (pk, kind)
        for kind in run_classes()
        for pk in runs_of(kind).queued().filter(never | long_ago).values_list("pk", flat=True)
    ]
    return sum(dispatch.enqueue(pk, kind) for pk, kind in waiting)


def remove_orphaned_versions() -> int:
    """Remove directories of attempts that ended without a version; return how many.

    Only directories of runs that this database knows by their key are removed: another database's versions stay.
    """
    # The order matters: if a listed directory's run is no longer running, its version's row exists by now or never
    # will.
    found = list(_attempt_folders())
    runs = {(run.pk, run.key.hex[:8]): run for run in TrainingRun.objects.filter(pk__in=[pk for _, pk, _, _ in found])}
    owned = set(ModelVersion.objects.values_list("bundle", flat=True))
    removed = 0
    for path, pk, attempt, key in found:
        run = runs.get((pk, key))
        name = path.relative_to(settings.VERSIONS_DIR).as_posix()
        if run is None or name in owned or (run.state == run.State.RUNNING and run.attempt == attempt):
            continue
        shutil.rmtree(path, ignore_errors=True)
        version_store.unpublish(name)
        logger.warning("Removed %s: its attempt ended without a version.", name)
        removed += 1
    return removed


def _attempt_folders() -> Iterator[tuple[Path, int, int, str]]:
    """Yield path, run, attempt and the beginning of the run's key of attempts' directories.

    Complete and partial directories are included.
    """
    for path in Path(settings.VERSIONS_DIR).glob("*/*"):
        named = _ATTEMPT_FOLDER.fullmatch(path.name)
        if named and path.is_dir():
            yield path, int(named["run"]), int(named["attempt"]), named["key"]
