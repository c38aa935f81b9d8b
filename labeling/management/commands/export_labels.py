"""Command ``export_labels PRODUCT FILE``: write every labeled image of a product to a CSV."""

from __future__ import annotations

from typing import Any, BinaryIO

from django.core.management.base import CommandError, CommandParser

from inspection.models import Product
from labeling.datasets import label_export
from mltasks.management.base_commands import ProductCommand, require
from mltasks.storage import output_files


class Command(ProductCommand):
    """Command that exports labels."""

    help = f"Write every labeled image to a CSV: {', '.join(label_export.CSV_HEADER)}."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the product and the file."""
        super().add_arguments(parser)
        parser.add_argument(
            "file",
            help="an existing file is replaced; a folder gets PRODUCT-labels.csv; - is standard output; a device "
            "or a pipe is written to",
        )

    def handle(self, *args: Any, product: str, file: str, **options: Any) -> None:
        """Write the labels and print how many there are."""
        chosen = require(Product.objects.filter(slug=product), f"There is no product {product!r}.")
        count = 0

        def fill(into: BinaryIO) -> None:
            nonlocal count
            count = label_export.export_labels(chosen, into)

        try:
            target, is_stdout = output_files.write(file, f"{product}-labels.csv", fill)
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
        # Standard output must hold the labels alone.
        (self.stderr if is_stdout else self.stdout).write(f"{product}: {count} labels written to {target}", str)
