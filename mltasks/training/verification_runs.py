"""Have a version verified by a worker: a run's row first, then the look, then what it found, for good.

Nothing is left of a look that failed, so another try is another run, in the name of who asks for it.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from mltasks.models import ModelVersion, Verification, VerifyingRun
from mltasks.refusals import Refusal
from mltasks.runs import dispatch
from mltasks.runs.execution import carry_out
from mltasks.runs.lease import WAITING_STAGE, RunLease, log_line
from mltasks.runs.run_reporter import RunReporter
from mltasks.training import verification as verifying
from mltasks.training.verification import Finding
from mltasks.vision.types import ProgressCallback, no_progress


class BeingVerified(Refusal):
    """A worker has been asked already, and is not done."""

    code = "being_verified"


class NotLearnable(Refusal):
    """What it learned from is not here. Its hashes can be looked at all the same."""

    code = "invalid_request"
    status = 400
    field = "hashes_only"


def start(
    version: ModelVersion, *, by: User | None = None, hashes_only: bool = False, hint: bool = True
) -> VerifyingRun:
    """Queue a look at a version; a worker hears of it once the transaction commits. With ``hashes_only`` it is not
    learned again. ``hint`` False leaves the run to the caller, who executes it at once.

    Raises NotLearnable and BeingVerified, in words for people.
    """
    if not hashes_only and (reason := why_not_again(version)):
        raise NotLearnable(reason)
    try:
        with transaction.atomic():
            run = VerifyingRun.objects.create(
                version=version,
                hashes_only=hashes_only,
                requested_by=by,
                stage=WAITING_STAGE,
                log=log_line(f"Queued: {version}, {'by its hashes' if hashes_only else 'and learned again'}."),
            )
    except IntegrityError:
        raise BeingVerified(_("{version} is being verified already.").format(version=version)) from None
    if hint:
        dispatch.enqueue_on_commit(run)
    return run


def why_not_again(version: ModelVersion) -> str:
    """Why it can't be learned again here, in words for people; empty where it can."""
    came = getattr(version, "imported", None)
    if came is not None:
        return _("It can't be learned again here: its images are at {plant}.").format(plant=came.plant)
    return "" if version.run.snapshot_id else _("It can't be learned again: nothing says what it learned from.")


def execute(
    run: VerifyingRun, progress: ProgressCallback = no_progress, *, lease: RunLease | None = None
) -> Verification:
    """Take the run, look at its version and write down what was found; what does not hold is no failure of the run.

    Raises RunNotAvailable when another worker has the run, LeaseLost when it was taken away meanwhile (nothing is
    written down then), and whatever the look raised, StoreAway among it, after the run's row says so.
    """
    return carry_out(
        run,
        lease,
        progress,
        lambda report: list(verifying.verify(run.version, again=not run.hashes_only, progress=report)),
        lambda reporter, found: _finish(run, reporter, found),
        lambda: None,  # a look leaves nothing behind
    )


def _finish(run: VerifyingRun, reporter: RunReporter, found: list[Finding]) -> Verification:
    """The verification and the run's end, in one transaction."""
    wrong = ", ".join(one.what for one in found if not one.holds)
    with transaction.atomic():
        verification = verifying.record(run.version, found, by=run.requested_by)
        reporter.finish(f"What does not hold: {wrong}." if wrong else "All holds.", verification=verification)
    return verification
