"""Command ``import_version PRODUCT FILE``: import another plant's version as a candidate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from mltasks.exchange import version_import
from mltasks.management.base_commands import RefusableCommand, require
from mltasks.models import RegisteredModel


class Command(RefusableCommand):
    help = (
        "Check signature, hashes and report of a version that another plant exported, then import it. It becomes a "
        "candidate of the product, under the next version number. It scores once a person promotes it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("product", help="slug of the product at this plant")
        parser.add_argument("file", type=Path, help="file that export_version wrote at the other plant")

    def handle(self, *args: Any, product: str, file: Path, **options: Any) -> None:
        """Import the version. The last line is its number."""
        missing = f"There is no product {product!r}. Create it with create_product."
        model = require(RegisteredModel.objects.filter(name=product), missing)
        try:
            with file.open("rb") as opened:
                version = version_import.import_version(model, opened, by=None)
        except OSError as error:
            raise CommandError(f"{file} cannot be imported: {error.strerror or error}.") from None
        self.stderr.write(
            f"Imported {version.imported} as {version}, a candidate. Compare it on its page, then promote it."
        )
        self.stdout.write(str(version.number))
