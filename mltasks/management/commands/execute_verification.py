"""The process of one look at a version: started by its supervisor, and gone with it."""

from __future__ import annotations

from mltasks.management.commands import execute_run
from mltasks.models import VerifyingRun


class Command(execute_run.Command):
    """Execute one verification (internal: the training worker calls it)."""

    run_class = VerifyingRun
    help = "Verify one version in this process. Workers call it; people use `verify_version`."
