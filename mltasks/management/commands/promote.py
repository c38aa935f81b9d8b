"""Promote a version from the command line."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.reports.report_files import find_version
from mltasks.storage.store_errors import StoreAway


class Command(BaseCommand):
    """Make a version its product's champion."""

    help = "Make a version the champion of its product, as the admin does."

    def add_arguments(self, parser: CommandParser) -> None:
        """Product, version, reason and who."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("version", type=int, help="number of the version")
        parser.add_argument("--reason", required=True, help="why this version should score")
        parser.add_argument("--override", default="", help="why it shall pass although the promotion policy stops it")
        parser.add_argument("--by", default="", help="user name of the person who promotes")

    def handle(
        self, *args: Any, product: str, version: int, reason: str, override: str, by: str, **options: Any
    ) -> None:
        """Promote it, with the same rules as the admin and the API."""
        try:
            found = find_version(product, version)
        except ModelVersion.DoesNotExist:
            raise CommandError(f"{product!r} has no version {version}.") from None
        try:
            promotion = registry.promote(found, by=person(by), reason=reason, override=override)
        except registry.GateClosed as closed:
            raise CommandError(f"{closed}\nTo promote it all the same, say why: --override REASON") from None
        except (Refusal, PermissionDenied, registry.BundleCorrupt, StoreAway) as error:
            raise CommandError(str(error)) from None
        before = f" in place of version {promotion.previous.number}" if promotion.previous else ""
        self.stdout.write(f"Version {version} is champion of {product}{before}.")


def person(username: str) -> User | None:
    """Return the user of that name who may promote; None for no name. Raises CommandError for anybody else."""
    if not username:
        return None
    try:
        user = User.objects.get(username=username)
    except User.DoesNotExist:
        raise CommandError(f"There is no user {username!r}.") from None
    if not user.has_perm(registry.PERMISSION):
        raise CommandError(f"{username} may not promote versions.")
    return user
