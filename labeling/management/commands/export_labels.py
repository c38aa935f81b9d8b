"""``export_labels PRODUCT FILE.csv``: every labeled image of a product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inspection.models import Product
from labeling.exporting import export_labels


class Command(BaseCommand):
    """Export labels."""

    help = "Write every labeled image to a CSV: name, sha256, label, defect type, reviewer, time."

    def add_arguments(self, parser: CommandParser) -> None:
        """The product and the file."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("file", type=Path, help="replaced where it exists")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file and say how many lines it has."""
        product = Product.objects.filter(slug=options["product"]).first()
        if product is None:
            raise CommandError(f"There is no product {options['product']!r}.")
        try:
            count = export_labels(product, options["file"])
        except OSError as error:
            raise CommandError(f"{options['file']} can't be written: {error.strerror}.") from None
        self.stdout.write(f"{product.slug}: {count} labels written to {options['file']}")
