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
from mltasks.runs.execution import Executor, Finish
from mltasks.runs.lease import WAITING_STAGE, log_line
from mltasks.training import verification as verifying
from mltasks.training.verification import Finding
from mltasks.vision.types import ProgressCallback


class VerificationInProgress(Refusal):
    """A worker has been asked already, and is not done."""

    code = "being_verified"


class NotRetrainable(Refusal):
    """What it learned from is not here. Its hashes can be looked at all the same."""

    code = "invalid_request"
    status = 400
    field = "hashes_only"


def start(
    version: ModelVersion, *, by: User | None = None, hashes_only: bool = False, enqueue: bool = True
) -> VerifyingRun:
    """Queue a look at a version; a worker hears of it once the transaction commits. With ``hashes_only`` it is not
    learned again. ``hint`` False leaves the run to the caller, who executes it at once.

    Raises NotLearnable and BeingVerified, in words for people.
    """
    if not hashes_only and (reason := retrain_blocker(version)):
        raise NotRetrainable(reason)
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
        raise VerificationInProgress(_("{version} is being verified already.").format(version=version)) from None
    if enqueue:
        dispatch.enqueue_on_commit(run)
    return run


def retrain_blocker(version: ModelVersion) -> str:
    """Why it can't be learned again here, in words for people; empty where it can."""
    came = getattr(version, "imported", None)
    if came is not None:
        return _("It can't be learned again here: its images are at {plant}.").format(plant=came.plant)
    return "" if version.run.snapshot_id else _("It can't be learned again: nothing says what it learned from.")


class VerificationExecutor(Executor[VerifyingRun, list[Finding], Verification]):
    """Verify a version and record the findings; a check that fails is no failure of the run."""

    run_class = VerifyingRun

    def compute(self, run: VerifyingRun, progress: ProgressCallback) -> list[Finding]:
        """Look. Raises StoreAway among others."""
        return list(verifying.verify(run.version, retrain=not run.hashes_only, progress=progress))

    def record(self, run: VerifyingRun, computed: list[Finding], finish: Finish) -> Verification:
        """Write the verification."""
        wrong = ", ".join(one.what for one in computed if not one.holds)
        verification = verifying.record(run.version, computed, by=run.requested_by)
        finish(f"What does not hold: {wrong}." if wrong else "All holds.", verification=verification)
        return verification

    def describe(self, result: Verification) -> str:
        """Return the number of the verification."""
        return str(result.pk)
