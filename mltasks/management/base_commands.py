"""Base classes of commands: look up the arguments' rows and exit with a refusal's message."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model, QuerySet

from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry import registry
from mltasks.storage.store_errors import StoreUnreachable
from mltasks.vision.serving.bundle import BundleCorrupt

Row = TypeVar("Row", bound=Model)


class RefusableCommand(BaseCommand):
    """Command that exits with status 1 and the message of an exception in ``refusals``."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (
        *(Refusal, PermissionDenied, BundleCorrupt),
        *(StoreUnreachable, ImproperlyConfigured),
    )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command. Raises CommandError for a refusal."""
        try:
            return super().execute(*args, **options)
        except self.refusals as error:
            raise CommandError(str(error)) from None


class ProductCommand(RefusableCommand):
    """Command about one product."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("product", help="slug of the product")


class VersionCommand(ProductCommand):
    """Command about one version of a product."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("version", type=int, help="number of the version")


def require(rows: QuerySet[Row], missing: str) -> Row:
    """Return the first row. Raises CommandError(missing) if there is none."""
    row = rows.first()
    if row is None:
        raise CommandError(missing)
    return row


def require_version(product: str, number: int) -> ModelVersion:
    """Return the version with its report, run and snapshot. Raises CommandError if missing."""
    rows = ModelVersion.objects.with_origin().filter(model__name=product, number=number)
    return require(rows, f"{product!r} has no version {number}.")


def person(username: str) -> User | None:
    """Return the user of that name; None for an empty name.

    Raises CommandError for an unknown user or one who may not promote.
    """
    if not username:
        return None
    user = require(User.objects.filter(username=username), f"There is no user {username!r}.")
    if not user.has_perm(registry.PROMOTE_PERMISSION):
        raise CommandError(f"{username} may not promote versions.")
    return user
