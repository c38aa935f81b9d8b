"""Command ``create_station PRODUCT NAME [--roi X,Y,W,H] [--urgent] [--deadline-ms MS]``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inspection.models import Product
from inspection.products.stations import create_station
from mltasks.management.base_commands import require


class Command(BaseCommand):
    """Command that creates a camera station and prints its API key once."""

    help = "Create a camera station and print its API key. The key cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("product", help="The product's slug.")
        parser.add_argument("name")
        parser.add_argument("--roi", default="", help="Region of interest X,Y,W,H in pixels of the upright image.")
        parser.add_argument("--urgent", action="store_true", help="Its parts are reviewed before other parts.")
        parser.add_argument("--deadline-ms", type=int, help="Milliseconds until a verdict; default: the product's.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the station and print its key."""
        missing = f"There is no product {options['product']!r}. Create it with create_product."
        product = require(Product.objects.filter(slug=options["product"]), missing)
        try:
            chosen = {name: options[name] for name in ("roi", "urgent", "deadline_ms")}
            _, key = create_station(product, options["name"], **chosen)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(key)
