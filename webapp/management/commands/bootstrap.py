"""Command that prepares an installation: checks, tables, static files, first admin."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from webapp.bootstrap.first_admin import make_first_admin
from webapp.server.static_files import collect_if_changed


class Command(BaseCommand):
    """Command that prepares an installation; it may be run repeatedly."""

    help = "Prepare an installation: checks, migrations, static files, first admin."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the steps in order and report the time of each."""
        self._step("Settings and database checked", lambda: call_command("check", databases=["default"], verbosity=0))
        self._step("Tables are up to date", lambda: call_command("migrate", interactive=False, verbosity=1))
        self._step("Static files are up to date", collect_if_changed)
        message = make_first_admin(settings.VAR, settings.FIRST_ADMIN_USERNAME, settings.FIRST_ADMIN_PASSWORD)
        if message:
            self.stdout.write(message)

    def _step(self, done: str, work: Callable[[], Any]) -> None:
        begun = time.monotonic()
        work()
        self.stdout.write(f"{done} ({time.monotonic() - begun:.1f} s)")
