"""The process of one run: started by its supervisor, and gone with it.

The other kinds of run have commands that differ in the class of their rows.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import uuid
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks.models import Run, TrainingRun
from mltasks.models.runs import runs_of
from mltasks.runs.execution import execute, executor_of
from mltasks.runs.lease import LeaseLost, RunLease, RunNotAvailable

_PR_SET_PDEATHSIG = 1


class Command(BaseCommand):
    """Execute one run (internal: the training worker calls it)."""

    run_class: ClassVar[type[Run]] = TrainingRun
    help = "Execute one training run in this process. Workers call it; people use `retrain`."

    def add_arguments(self, parser: CommandParser) -> None:
        """The run, and from a supervisor its lease and its process id."""
        parser.add_argument("run", type=int)
        parser.add_argument("--lease", type=uuid.UUID, help="token of a lease taken for this process")
        parser.add_argument("--parent", type=int, help="process to die with")

    def handle(self, *args: Any, run: int, lease: uuid.UUID | None, parent: int | None, **options: Any) -> None:
        """Execute the run. The exit code is 1 when it failed; its row says why."""
        if parent is not None:
            set_parent_death_signal(parent)
        executor, row = executor_of(self.run_class), runs_of(self.run_class).get(pk=run)
        try:
            result = execute(executor, row, lease=RunLease(row.pk, lease, self.run_class) if lease else None)
        except (RunNotAvailable, LeaseLost) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(executor.describe(result))


def set_parent_death_signal(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` dies, so that no training outlives its worker."""
    if sys.platform == "linux":  # elsewhere an orphan runs on until its lease is taken
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(f"The worker {parent} is gone.")
