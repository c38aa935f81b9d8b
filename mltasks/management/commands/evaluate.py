"""Print a version's report from the command line."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks.models import ModelVersion
from mltasks.reports.report_files import find_version, report_json


class Command(BaseCommand):
    """Print the report of a version as JSON."""

    help = "Print the report of a version as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """Product and version."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("version", type=int, help="number of the version")

    def handle(self, *args: Any, product: str, version: int, **options: Any) -> None:
        """Print it."""
        try:
            found = find_version(product, version)
        except ModelVersion.DoesNotExist:
            raise CommandError(f"{product!r} has no version {version}.") from None
        self.stdout.write(json.dumps(report_json(found), indent=2, ensure_ascii=False, allow_nan=False))
