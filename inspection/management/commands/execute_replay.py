"""The process of one replay: started by its supervisor, and gone with it."""

from __future__ import annotations

from inspection.models import Replay
from mltasks.management.commands import execute_run


class Command(execute_run.Command):
    """Execute one replay (internal: the replay worker calls it)."""

    run_class = Replay
    help = "Execute one replay in this process. Workers call it; people use `replay`."
