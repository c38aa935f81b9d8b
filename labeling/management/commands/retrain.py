"""Command ``retrain PRODUCT``: train a new candidate version."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from inspection.models import Product
from labeling.datasets import part_id_notes
from labeling.datasets.retraining import retrain
from mltasks.management.base_commands import ProductCommand, require
from mltasks.models import TrainingRun
from mltasks.runs.terminal import execute_with_bar
from mltasks.training import training


class Command(ProductCommand):
    """Command that takes a snapshot, trains and evaluates a candidate version."""

    help = "Snapshot the labels, train and evaluate a new candidate version. The last line is its number."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the product and the choice of a worker."""
        super().add_arguments(parser)
        parser.add_argument(
            "--queue", action="store_true", help="queue the run for a worker; the last line is the run's id"
        )

    def handle(self, *args: Any, product: str, queue: bool, **options: Any) -> None:
        """Retrain, in the foreground with a progress bar unless the run is queued."""
        products = Product.objects.select_related("registered_model").filter(slug=product)
        chosen = require(products, f"There is no product {product!r}.")
        for note in part_id_notes.refresh_notes(chosen):
            self.stdout.write(note, self.style.WARNING)
        try:
            run = retrain(chosen, trigger=TrainingRun.Trigger.COMMAND, enqueue=queue)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Run {run.pk} on {run.snapshot}", self.style.NOTICE)
        result = run.pk if queue else execute_with_bar(training.TrainingExecutor(), run, self.stderr).number
        self.stdout.write(str(result))
