"""Command of the process that executes one replay and ends with its supervisor."""

from __future__ import annotations

from inspection.models import Replay
from mltasks.management.commands import execute_run


class Command(execute_run.Command):
    """Command that executes one replay; the replay worker calls it."""

    run_class = Replay
    help = "Execute one replay in this process. Workers call this command; use `replay` instead."
