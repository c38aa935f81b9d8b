"""The process of one backbone lesson: started by its supervisor, and gone with it."""

from __future__ import annotations

from mltasks.management.commands import execute_run
from mltasks.models import BackboneRun


class Command(execute_run.Command):
    """Execute one lesson (internal: the training worker calls it)."""

    run_class = BackboneRun
    help = "Teach one backbone in this process. Workers call it; people use `pretrain_backbone`."
