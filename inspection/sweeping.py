"""Score what crashes left behind. The rows are the truth: nothing here depends on a message that arrived."""

from __future__ import annotations

from inspection import leases, scoring, storage
from inspection.models import Inspection

# One sweep ends some time, so that a broken model can't hold a worker for ever; the next goes on.
BATCH = 500


def sweep() -> int:
    """Score every abandoned part; return how many. Any number of sweeps may run at once.

    A part whose process was killed at each of MAX_ATTEMPTS is not loaded again: it goes to a person.
    """
    storage.remove_old_drafts()
    swept = 0
    while swept < BATCH and (inspection := leases.take(Inspection.objects.all())) is not None:
        scoring.score(inspection)
        swept += 1
    return swept
