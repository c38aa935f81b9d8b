"""The process of one backbone lesson: started by its supervisor, and gone with it."""

from __future__ import annotations

import uuid

from mltasks.management.commands import execute_run
from mltasks.models import BackboneRun
from mltasks.runs.lease import RunLease
from mltasks.training import pretraining


class Command(execute_run.Command):
    """Execute one lesson (internal: the training worker calls it)."""

    help = "Teach one backbone in this process. Workers call it; people use `pretrain_backbone`."

    def carry_out(self, run: int, token: uuid.UUID | None) -> str:
        """Execute the lesson and return the hash of the weights it made."""
        row = BackboneRun.objects.get(pk=run)
        return pretraining.execute(row, lease=RunLease(row.pk, token, BackboneRun) if token else None).sha256
