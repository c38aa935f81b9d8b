"""Command ``fast_path PRODUCT {on,off,learn,show} [--leak SHARE] [--reason TEXT]``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from inspection.fast_path import evidence
from inspection.models import Product
from inspection.products import products
from mltasks.management.base_commands import ProductCommand, require
from mltasks.vision.types import Progress

ACTIONS = ("on", "off", "learn", "show")


class Command(ProductCommand):
    """Command that switches, learns and shows a product's fast path."""

    help = (
        "Switch a product's fast path on or off, learn it from the stored parts, or show its certificate and the full "
        "model's later answers as JSON. Switched on, it is learned at night."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare product, action, share and reason."""
        super().add_arguments(parser)
        parser.add_argument("action", choices=ACTIONS)
        parser.add_argument("--leak", type=float, help="share of the parts not passed that it may let through")
        parser.add_argument("--reason", default="", help="why it is switched, for the audit log")

    def handle(self, *args: Any, product: str, action: str, leak: float | None, reason: str, **options: Any) -> None:
        """Carry out the action and print the state."""
        row = require(
            Product.objects.filter(slug=product).select_related("registered_model", "fast_path"),
            f"There is no product {product!r}.",
        )
        if action in ("on", "off"):
            _switch(row, enabled=action == "on", leak=leak, reason=reason)
        elif action == "learn":
            _learn(row)
        self.stdout.write(json.dumps(_state(row), indent=2))


def _switch(product: Product, *, enabled: bool, leak: float | None, reason: str) -> None:
    product.fast_path_enabled = enabled
    product.fast_path_leak = product.fast_path_leak if leak is None else leak
    try:
        product.full_clean()
        products.change(product, by=None, reason=reason)
    except ValidationError as error:
        raise CommandError("; ".join(error.messages)) from None


def _learn(product: Product) -> None:
    # Torch reads the setting once, when it loads: waiting threads sleep instead of using the other core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from inspection.fast_path.learning import learn  # late: torch

    with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed} {desc}") as bar:

        def show(step: Progress) -> None:
            bar.n = round(100 * step.share)
            bar.set_description_str(step.stage[:60])

        learn(product, show)


def _state(product: Product) -> dict[str, Any]:
    version, serving = evidence.champion_fast_path(product)
    learned = product.fast_path
    return {
        "enabled": product.fast_path_enabled,
        "serving": serving is not None,
        "champion": version.number if version else None,
        "fast_path": learned.meta if learned else None,
        "evidence": asdict(evidence.evidence(learned)) if learned else None,
    }
