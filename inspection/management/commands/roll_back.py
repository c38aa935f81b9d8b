"""``roll_back PRODUCT --reason TEXT [--to VERSION] [--by NAME]``: bring a former champion back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks.management.commands.promote import person
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.reports.report_files import find_version
from mltasks.storage.store_errors import StoreAway


class Command(BaseCommand):
    """Roll a product back to a former champion."""

    help = "Bring a former champion of a product back, as its page does: the gate does not hold it up."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare product, reason, version and person."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("--reason", required=True, help="what is wrong with the present champion")
        parser.add_argument("--to", type=int, help="number of the version; default: the champion before")
        parser.add_argument("--by", default="", help="user name of the person who rolls back")

    def handle(self, *args: Any, product: str, reason: str, to: int | None, by: str, **options: Any) -> None:
        """Roll back, with the same rules as the pages and the API."""
        version = _version(product, to)
        try:
            done = registry.roll_back(version, by=person(by), reason=reason)
        except (Refusal, registry.BundleCorrupt, StoreAway) as error:
            raise CommandError(str(error)) from None
        before = f" in place of version {done.previous.number}" if done.previous else ""
        self.stdout.write(f"Version {version.number} is champion of {product} again{before}.")


def _version(product: str, number: int | None) -> ModelVersion:
    try:
        if number is not None:
            return find_version(product, number)
        former = registry.former_champion(RegisteredModel.objects.get(name=product))
    except RegisteredModel.DoesNotExist:
        raise CommandError(f"There is no product {product!r}.") from None
    except ModelVersion.DoesNotExist:
        raise CommandError(f"{product!r} has no version {number}.") from None
    if former is None:
        raise CommandError(f"{product!r} has no former champion to roll back to.")
    return former
