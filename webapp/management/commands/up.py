"""Command that runs everything in the foreground: databases, web, workers, beat and demo."""

from __future__ import annotations

import signal
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from webapp.supervisor.console import Console
from webapp.supervisor.parent_death import set_parent_death_signal
from webapp.supervisor.run import Supervisor


class Command(BaseCommand):
    """Command that starts the supervisor; Ctrl-C or SIGTERM stops all processes."""

    help = "Run the whole system in the foreground; Ctrl-C stops it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tied", action="store_true", help="Stop when the process that started this process ends.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tied"]:
            set_parent_death_signal(signal.SIGTERM)
        sys.exit(Supervisor(Console(settings.VAR / "logs" / "up.log")).run())
