"""A process that takes one image and is killed at a chosen step, as ``python -m tests.inspection.crashing STEP FILE``.

It talks to the database that the test names in DATABASE_URL and to its MEDIA_ROOT.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any


def die(*_: Any, **__: Any) -> Any:
    """Stop this process as ``kill -9`` does: no handler, no cleanup."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(step: str, file: str) -> None:
    """Receive the file for the only station, dying at the step."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    import django

    django.setup()
    from inspection.intake import intake
    from inspection.intake.submission import Submission
    from inspection.models import Inspection, Station
    from inspection.scoring import scoring, scoring_lease

    if step == "while the file is written":
        os.fsync = die
    elif step == "between the file and the row":
        intake.insert_part = die
    elif step == "between the row and the score":
        scoring._compute_outcome = die
    elif step == "in the sweeper":
        scoring._compute_outcome = die
        scoring.score(scoring_lease.take_lease(Inspection.objects.abandoned()) or sys.exit("nothing to score"))
    with Path(file).open("rb") as image:
        station = Station.objects.get()
        intake.receive(Submission(image, station.product, station, idempotency_key="crash-1"))


if __name__ == "__main__":
    main(*sys.argv[1:])
