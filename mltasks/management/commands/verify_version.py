"""Command ``verify_version PRODUCT VERSION [--hashes-only] [--queue]``: verify a version."""

from __future__ import annotations

from typing import IO, Any, cast

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from mltasks.management.base_commands import VersionCommand, require_version
from mltasks.models import ModelVersion
from mltasks.runs.terminal import progress_bar
from mltasks.training import verification, verification_runs
from mltasks.training.verification import Finding


class Command(VersionCommand):
    help = (
        "Check every hash of a version: its files, its snapshot's rows and its images. Then retrain it from the "
        "snapshot and compare: weights bit for bit if machine, libraries and code are the same, else the figures."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--hashes-only", action="store_true", help="do not retrain the version")
        parser.add_argument(
            "--queue", action="store_true", help="queue a run for a worker; the last line is the run's id"
        )

    def handle(self, *args: Any, product: str, version: int, hashes_only: bool, queue: bool, **options: Any) -> None:
        """Verify the version and print the findings, or queue a verification run.

        The exit status is 1 if a check failed. The findings of a queued run are on the version's page.
        """
        row = require_version(product, version)
        if queue:
            self.stdout.write(str(verification_runs.start(row, hashes_only=hashes_only).pk))
        else:
            self._verify(row, hashes_only)

    def _verify(self, version: ModelVersion, hashes_only: bool) -> None:
        findings: list[Finding] = []
        with progress_bar(self.stderr, leave=False, disable=hashes_only) as show:
            for finding in verification.verify(version, retrain=not hashes_only, progress=show):
                findings.append(finding)
                with tqdm.external_write_mode(file=cast(IO[str], self.stderr)):
                    self.stdout.write(f"{'passed' if finding.passed else 'FAILED'}  {finding.check}: {finding.text}")
        verification.record(version, findings, by=None)
        failed = sum(not finding.passed for finding in findings)
        if failed:
            raise CommandError(f"{version} failed its verification: {failed} of {len(findings)} checks failed.")
        self.stdout.write(f"{version} passed its verification.")
