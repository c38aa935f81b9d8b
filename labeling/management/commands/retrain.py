"""Retrain a product from the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from inspection.models import Product
from labeling.datasets import part_id_notes
from labeling.datasets.retraining import retrain
from mltasks.models import ModelVersion, TrainingRun
from mltasks.runs.terminal import with_bar
from mltasks.training import training


class Command(BaseCommand):
    """Snapshot, train, evaluate: a new candidate version."""

    help = "Snapshot the labels, train and evaluate a new candidate version. The last line is its number."

    def add_arguments(self, parser: CommandParser) -> None:
        """The product, and whether a worker does it."""
        parser.add_argument("product", help="slug of the product")
        parser.add_argument("--queue", action="store_true", help="hand it to a worker; the last line is the run's id")

    def handle(self, *args: Any, product: str, queue: bool, **options: Any) -> None:
        """Retrain, in the foreground with a progress bar unless it is queued."""
        try:
            wanted = Product.objects.select_related("registered_model").get(slug=product)
        except Product.DoesNotExist:
            raise CommandError(f"There is no product {product!r}.") from None
        for note in part_id_notes.notes(wanted):
            self.stdout.write(note, self.style.WARNING)
        try:
            run = retrain(wanted, trigger=TrainingRun.Trigger.COMMAND, hint=queue)
        except ValueError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Run {run.pk} on {run.snapshot}", self.style.NOTICE)
        self.stdout.write(str(run.pk if queue else self._execute(run).number))

    def _execute(self, run: TrainingRun) -> ModelVersion:
        return with_bar(run, lambda progress: training.execute(run, progress), self.stderr)
