"""Command of the process that executes one verification run; it dies with its supervisor."""

from __future__ import annotations

from mltasks.management.commands import execute_run
from mltasks.models import VerifyingRun


class Command(execute_run.Command):
    run_class = VerifyingRun
    help = "Verify one version in this process. Workers call it; people use `verify_version`."
