"""Command ``create_product`` that creates a product and its registered model.

``create_product SLUG [--name NAME] [--fn-cost 5] [--fp-cost 1] [--defect-rate R] [--escape-promise 0.05]
[--pick-strategy expected_cost] [--speed balanced] [--deadline-ms MS]``
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from inspection.models import PickStrategy
from inspection.products.products import create_product
from mltasks.vision.speeds import BALANCED, SPEEDS

OPTION_NAMES = ("name", "fn_cost", "fp_cost", "defect_rate", "escape_promise", "pick_strategy", "speed", "deadline_ms")


class Command(BaseCommand):
    """Command that creates a product with its registered model."""

    help = "Create a product and its registered model."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("slug")
        parser.add_argument("--name", default="", help="Name on pages; default: the slug as words.")
        parser.add_argument("--fn-cost", type=float, default=5.0, help="Cost of an escape: a defective part passes.")
        parser.add_argument("--fp-cost", type=float, default=1.0, help="Cost of a false alarm: a good part fails.")
        parser.add_argument(
            "--defect-rate",
            type=float,
            help="Share of defective parts on the line; default: that of the labels.",
        )
        parser.add_argument(
            "--escape-promise",
            type=float,
            default=0.05,
            help="Highest share of defective parts that may pass without review; 1 guarantees nothing.",
        )
        parser.add_argument(
            "--pick-strategy",
            choices=PickStrategy.values,
            default=PickStrategy.EXPECTED_COST.value,
            help="How the review queue ranks parts.",
        )
        parser.add_argument(
            "--speed", choices=list(SPEEDS), default=BALANCED, help="How much the product's versions compute."
        )
        parser.add_argument("--deadline-ms", type=int, help="Milliseconds until a verdict; default: no deadline.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the product and print its slug."""
        try:
            product = create_product(options["slug"], **{name: options[name] for name in OPTION_NAMES})
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"Product {product.slug} was created.")
