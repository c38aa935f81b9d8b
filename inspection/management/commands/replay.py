"""Command ``replay PRODUCT VERSION [--days 30] [--most 5000] [--queue]``.

A version scores stored parts of the line again.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from inspection.replay import replay
from mltasks.management.base_commands import VersionCommand, require_version
from mltasks.runs.terminal import execute_with_bar


class Command(VersionCommand):
    """Command that replays the line's history with a version."""

    help = (
        "Score the line's newest parts again with a version, compare its verdicts with the champion's, and print the "
        "figures as JSON. Stored verdicts do not change."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare product, version, days, number of parts, and queueing."""
        super().add_arguments(parser)
        parser.add_argument("--days", type=int, default=replay.DEFAULT_DAYS, help="days back (default %(default)s)")
        parser.add_argument(
            "--most", type=int, default=replay.DEFAULT_MAX_PARTS, help="maximum number of parts (default %(default)s)"
        )
        parser.add_argument("--queue", action="store_true", help="queue the replay for a worker and print its id")

    def handle(self, *args: Any, product: str, version: int, days: int, most: int, queue: bool, **options: Any) -> None:
        """Replay in the foreground with a progress bar, or queue the replay."""
        run = replay.start(require_version(product, version), days=days, max_parts=most, enqueue=queue)
        if not queue:
            run = execute_with_bar(replay.ReplayExecutor(), run, self.stderr)
        self.stdout.write(str(run.pk) if queue else json.dumps(run.figures, indent=2))
