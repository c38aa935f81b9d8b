"""The process of one training: started by its supervisor, and gone with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks.models import TrainingRun
from mltasks.runs.lease import LeaseLost, RunLease, RunNotAvailable
from mltasks.training import training

_PR_SET_PDEATHSIG = 1


class Command(BaseCommand):
    """Execute one run (internal: the training worker calls it)."""

    help = "Execute one training run in this process. Workers call it; people use `retrain`."

    def add_arguments(self, parser: CommandParser) -> None:
        """The run, and from a supervisor its lease and its process id."""
        parser.add_argument("run", type=int)
        parser.add_argument("--lease", type=uuid.UUID, help="token of a lease taken for this process")
        parser.add_argument("--parent", type=int, help="process to die with")

    def handle(self, *args: Any, run: int, lease: uuid.UUID | None, parent: int | None, **options: Any) -> None:
        """Execute the run. The exit code is 1 when it failed; its row says why."""
        if parent is not None:
            die_with(parent)
        try:
            made = self.carry_out(run, lease)
        except (RunNotAvailable, LeaseLost) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(made)

    def carry_out(self, run: int, token: uuid.UUID | None) -> str:
        """Execute the run and return what it made: the version's number."""
        row = TrainingRun.objects.get(pk=run)
        return str(training.execute(row, lease=RunLease(row.pk, token) if token else None).number)


def die_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` dies, so that no training outlives its worker."""
    if sys.platform == "linux":  # elsewhere an orphan runs on until its lease is taken
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(f"The worker {parent} is gone.")
