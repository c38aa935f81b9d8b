"""Command ``evaluate PRODUCT VERSION``: print a version's report as JSON."""

from __future__ import annotations

import json
from typing import Any

from mltasks.management.base_commands import VersionCommand, require_version
from mltasks.reports.report_files import report_json


class Command(VersionCommand):
    help = "Print the report of a version as JSON."

    def handle(self, *args: Any, product: str, version: int, **options: Any) -> None:
        """Print the report."""
        self.stdout.write(
            json.dumps(report_json(require_version(product, version)), indent=2, ensure_ascii=False, allow_nan=False)
        )
