"""Command of the process that executes one training run; it dies with its supervisor.

The commands of other kinds of runs only change the class of the row.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import uuid
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from mltasks.management.base_commands import RefusableCommand
from mltasks.models import Run, TrainingRun
from mltasks.models.runs import runs_of
from mltasks.runs.execution import execute, executor_of
from mltasks.runs.lease import LeaseLost, RunLease, RunNotAvailable

_PR_SET_PDEATHSIG = 1


class Command(RefusableCommand):
    refusals = (RunNotAvailable, LeaseLost)
    run_class: ClassVar[type[Run]] = TrainingRun
    help = "Execute one training run in this process. Workers call it; people use `retrain`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int)
        parser.add_argument("--lease", type=uuid.UUID, help="token of a lease taken for this process")
        parser.add_argument("--parent", type=int, help="process to die with")

    def handle(self, *args: Any, run: int, lease: uuid.UUID | None, parent: int | None, **options: Any) -> None:
        """Execute the run. The exit status is 1 if it failed; the run's row has the error."""
        if parent is not None:
            set_parent_death_signal(parent)
        executor, row = executor_of(self.run_class), runs_of(self.run_class).get(pk=run)
        result = execute(executor, row, lease=RunLease(row.pk, lease, self.run_class) if lease else None)
        self.stdout.write(executor.describe(result))


def set_parent_death_signal(parent: int) -> None:
    """Let the kernel kill this process when ``parent`` dies, so that it does not outlive it."""
    if sys.platform == "linux":  # elsewhere an orphan continues until its lease is taken
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the line above
        sys.exit(f"The worker {parent} has ended.")
