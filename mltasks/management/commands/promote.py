"""Command ``promote PRODUCT VERSION --reason REASON``: make a version champion."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from mltasks.management.base_commands import VersionCommand, person, require_version
from mltasks.registry import registry
from mltasks.registry.gate import GateClosed


class Command(VersionCommand):
    help = "Make a version the champion of its product."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="why this version should score")
        parser.add_argument("--override", default="", help="reason to promote although a required check failed")
        parser.add_argument("--by", default="", help="user name of the person who promotes")

    def handle(
        self, *args: Any, product: str, version: int, reason: str, override: str, by: str, **options: Any
    ) -> None:
        """Promote the version, with the same rules as the admin and the API."""
        try:
            promotion = registry.promote(
                require_version(product, version), by=person(by), reason=reason, override=override
            )
        except GateClosed as closed:
            raise CommandError(f"{closed}\nTo promote it anyway, give a reason: --override REASON") from None
        before = f" in place of version {promotion.previous.number}" if promotion.previous else ""
        self.stdout.write(f"Version {version} is champion of {product}{before}.")
