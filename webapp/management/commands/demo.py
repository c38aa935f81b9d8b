"""Make the demo, or what is missing of it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from webapp.bootstrap.demo import make_demo


class Command(BaseCommand):
    """Make the demo; done once, it only tells the logins."""

    help = "Make the demo: a product, a labeled set, a trained and promoted version, a station and two people."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make it, telling each step."""
        make_demo(self.stdout.write)
