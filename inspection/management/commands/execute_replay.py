"""The process of one replay: started by its supervisor, and gone with it."""

from __future__ import annotations

import uuid

from inspection.models import Replay
from inspection.replay import replay
from mltasks.management.commands import execute_run
from mltasks.runs.lease import RunLease


class Command(execute_run.Command):
    """Execute one replay (internal: the replay worker calls it)."""

    help = "Execute one replay in this process. Workers call it; people use `replay`."

    def carry_out(self, run: int, token: uuid.UUID | None) -> str:
        """Execute the replay and return how many parts it held against one another."""
        row = Replay.objects.select_related("candidate", "champion", "product").get(pk=run)
        done = replay.execute(row, lease=RunLease(row.pk, token, Replay) if token else None)
        return str(done.figures["parts"])
