"""Verification of a version by a worker: queue the run, verify, record the findings.

A failed run leaves nothing, so another try is another run, in the name of the person who requests it.
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
    """Refusal because a verification of the version is already queued or running."""

    code = "being_verified"


class NotRetrainable(Refusal):
    """Refusal to retrain a version whose training images are not here; hashes can be checked."""

    code = "invalid_request"
    status = 400
    field = "hashes_only"


def start(
    version: ModelVersion, *, by: User | None = None, hashes_only: bool = False, enqueue: bool = True
) -> VerifyingRun:
    """Queue a verification run; dispatch it once the transaction commits.

    With ``hashes_only`` the version is not retrained. With ``enqueue`` False the caller executes the run at once.
    Raises NotRetrainable and VerificationInProgress.
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
                log=log_line(f"Queued: {version}, {'hashes only' if hashes_only else 'with retraining'}."),
            )
    except IntegrityError:
        text = _("A verification of {version} is already in progress. Wait for it to finish, then start another.")
        raise VerificationInProgress(text.format(version=version)) from None
    if enqueue:
        dispatch.enqueue_on_commit(run)
    return run


def retrain_blocker(version: ModelVersion) -> str:
    """Return the text that says why the version can't be retrained here; empty if it can."""
    imported = getattr(version, "imported", None)
    if imported is not None:
        return _("The version cannot be retrained here: its images are at {plant}.").format(plant=imported.plant)
    return "" if version.run.snapshot_id else _("The version cannot be retrained: it has no snapshot.")


class VerificationExecutor(Executor[VerifyingRun, list[Finding], Verification]):
    """Executor that verifies a version; a failed check does not fail the run."""

    run_class = VerifyingRun

    def compute(self, run: VerifyingRun, progress: ProgressCallback) -> list[Finding]:
        """Verify the version. Raises StoreUnreachable among others."""
        return list(verifying.verify(run.version, retrain=not run.hashes_only, progress=progress))

    def record(self, run: VerifyingRun, computed: list[Finding], finish: Finish) -> Verification:
        """Write the verification."""
        failed = ", ".join(finding.check for finding in computed if not finding.passed)
        verification = verifying.record(run.version, computed, by=run.requested_by)
        finish(f"Failed checks: {failed}." if failed else "All checks passed.", verification=verification)
        return verification

    def describe(self, result: Verification) -> str:
        """Return the number of the verification."""
        return str(result.pk)
