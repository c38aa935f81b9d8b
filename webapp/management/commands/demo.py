"""Command that makes the demo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from webapp.bootstrap.demo import make_demo


class Command(BaseCommand):
    """Command that makes the missing parts of the demo, and prints the logins."""

    help = "Create the demo: product, labeled set, trained and promoted version, station and two accounts."

    def handle(self, *args: Any, **options: Any) -> None:
        make_demo(self.stdout.write)
