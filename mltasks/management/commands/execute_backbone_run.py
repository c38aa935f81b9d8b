"""Command of the process that executes one pretraining run; it dies with its supervisor."""

from __future__ import annotations

from mltasks.management.commands import execute_run
from mltasks.models import BackboneRun


class Command(execute_run.Command):
    run_class = BackboneRun
    help = "Execute one pretraining run in this process. Workers call it; people use `pretrain_backbone`."
