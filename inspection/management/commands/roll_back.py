"""Command ``roll_back PRODUCT --reason TEXT [--to VERSION] [--by NAME]``.

It makes a former champion the champion again.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from mltasks.management.base_commands import ProductCommand, person, require, require_version
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.registry import registry


class Command(ProductCommand):
    """Command that rolls a product back to a former champion."""

    help = "Promote a former champion of a product again. The promotion gate is not checked."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare product, reason, version and person."""
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="why the current champion is replaced")
        parser.add_argument("--to", type=int, help="number of the version; default: the previous champion")
        parser.add_argument("--by", default="", help="user name of the person who rolls back")

    def handle(self, *args: Any, product: str, reason: str, to: int | None, by: str, **options: Any) -> None:
        """Roll back by the same rules as the pages and the API."""
        version = _version(product, to)
        done = registry.roll_back(version, by=person(by), reason=reason)
        before = f" in place of version {done.previous.number}" if done.previous else ""
        self.stdout.write(f"Version {version.number} is champion of {product} again{before}.")


def _version(product: str, number: int | None) -> ModelVersion:
    if number is not None:
        return require_version(product, number)
    model = require(RegisteredModel.objects.filter(name=product), f"There is no product {product!r}.")
    former = registry.rollback_target(model)
    if former is None:
        raise CommandError(f"{product!r} has no former champion to roll back to.")
    return former
