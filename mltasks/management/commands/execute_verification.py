"""The process of one look at a version: started by its supervisor, and gone with it."""

from __future__ import annotations

import uuid

from mltasks.management.commands import execute_run
from mltasks.models import VerifyingRun
from mltasks.runs.lease import RunLease
from mltasks.training import verification_runs


class Command(execute_run.Command):
    """Execute one verification (internal: the training worker calls it)."""

    help = "Verify one version in this process. Workers call it; people use `verify_version`."

    def carry_out(self, run: int, token: uuid.UUID | None) -> str:
        """Execute the run and return the number of the verification that it made."""
        row = VerifyingRun.objects.get(pk=run)
        lease = RunLease(row.pk, token, VerifyingRun) if token else None
        return str(verification_runs.execute(row, lease=lease).pk)
