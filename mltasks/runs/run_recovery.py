"""Recovery after a crash: lost messages, runs without a worker, orphaned files."""

from __future__ import annotations

from datetime import timedelta

from django.apps import apps
from django.db.models import Q
from django.db.models.functions import Now

from mltasks.models import Run
from mltasks.models.runs import runs_of
from mltasks.runs import dispatch, orphaned_files
from mltasks.runs.lease import LEASE_DURATION, release_after_failure

# A run's first message is in flight for a moment after its commit; a busy worker may take long to read a message.
ENQUEUE_GRACE = timedelta(seconds=10)
ENQUEUE_TIMEOUT = timedelta(minutes=2)


def run_classes() -> list[type[Run]]:
    """Return every concrete run model, of this app and of other apps."""
    return [model for model in apps.get_models() if issubclass(model, Run)]


def recover_runs() -> int:
    """Release, resend and clean up once; return the number of runs and files touched.

    Any number of processes may recover at the same time.
    """
    return release_abandoned() + resend_lost_messages() + orphaned_files.remove_orphaned_files()


def release_abandoned() -> int:
    """Requeue runs with expired leases, or fail them after their last attempt; return how many."""
    released = 0
    for kind in run_classes():
        for run in runs_of(kind).abandoned().defer("log", "epochs"):
            if run.lease_token is not None:
                silence = f"The {run.activity} did not report for {LEASE_DURATION.seconds} s"
                reason = f"{silence}: its worker or its machine stopped"
                released += release_after_failure(run, run.lease_token, reason)
    return released


def resend_lost_messages() -> int:
    """Send messages again for queued runs that no worker took; return how many were sent."""
    never_sent = Q(enqueued_at=None, created_at__lt=Now() - ENQUEUE_GRACE)
    sent_long_ago = Q(enqueued_at__lt=Now() - ENQUEUE_TIMEOUT)
    waiting = [
        (pk, kind)
        for kind in run_classes()
        for pk in runs_of(kind).queued().filter(never_sent | sent_long_ago).values_list("pk", flat=True)
    ]
    return sum(dispatch.enqueue(pk, kind) for pk, kind in waiting)
