"""Command ``pretrain_backbone PRODUCT``: pretrain a product's backbone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from inspection.models import Product
from labeling.datasets.pretraining_request import pretrain
from mltasks.management.base_commands import ProductCommand, require
from mltasks.models import BackboneRun
from mltasks.runs import run_recovery
from mltasks.runs.lease import RunNotAvailable
from mltasks.runs.terminal import execute_with_bar
from mltasks.training import pretraining
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig

OPTIONS = {
    "steps": "optimizer steps",
    "batch": "crops in a step",
    "crop": "side of a crop in pixels",
    "images": "stored images to draw from, at most",
    "drawn": "drawn pictures mixed in",
    "drawn_share": "their share of each step",
    "learning_rate": "of the first full step",
    "detail": "weight of a loss on the finest maps (stride 4)",
    "save_every": "steps between checkpoints",
    "measured": "labeled images to measure on, at most",
    "threads": "0: all cores",
    "seed": "of everything random",
}


class Command(ProductCommand):
    """Command that pretrains a backbone; it is used if it measures better."""

    help = (
        "Teach the backbone on the product's stored images, labeled or not, and use it for the next trainings if it "
        "measures better. The last line says what came of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the product, foreground or worker, and the pretraining options."""
        super().add_arguments(parser)
        parser.add_argument("--queue", action="store_true", help="hand it to a worker; the last line is the run's id")
        parser.add_argument("--resume", action="store_true", help="take up the newest lesson if it failed or stopped")
        for name, words in OPTIONS.items():
            default = getattr(PretrainingConfig(), name)
            flag = f"--{name.replace('_', '-')}"
            parser.add_argument(flag, type=type(default), default=default, help=f"{words} (default {default})")

    def handle(self, *args: Any, product: str, queue: bool, resume: bool, **options: Any) -> None:
        """Pretrain, in the foreground with a progress bar unless the run is queued."""
        products = Product.objects.select_related("registered_model").filter(slug=product)
        wanted = require(products, f"There is no product {product!r}. Make it with create_product.")
        try:
            run = self._resume(wanted, queue) if resume else self._start(wanted, queue, options)
        except (ValueError, RunNotAvailable) as error:
            raise CommandError(str(error)) from None
        if queue:
            self.stdout.write(str(run.pk))
            return
        execute_with_bar(pretraining.PretrainingExecutor(), run, self.stderr)
        self.stdout.write(f"{run}: {run.file}")
        self.stdout.write(str(run.evaluation["words"]))

    def _start(self, product: Product, queue: bool, options: dict[str, Any]) -> BackboneRun:
        lesson = PretrainingConfig(**{name: options[name] for name in OPTIONS})
        run = pretrain(product, lesson, enqueue=queue)
        self.stdout.write(
            f"Run {run.pk}: {len(run.pictures)} stored images, {lesson.steps * lesson.batch} crops, usually "
            f"{lesson.typical_duration} on two cores.",
            self.style.NOTICE,
        )
        if run.labels_missing:
            self.stdout.write(f"It can't be measured, and so not be used, yet. {run.labels_missing}")
        return run

    def _resume(self, product: Product, queue: bool) -> BackboneRun:
        run_recovery.release_abandoned()  # a killed run is queued from here on
        run = BackboneRun.objects.filter(model=product.registered_model).first()
        if run is None:
            raise RunNotAvailable("There is no lesson to resume.")
        if run.state == run.State.RUNNING:
            raise RunNotAvailable(
                f"Run {run.pk} is running, or was killed less than a minute ago: wait, and try again."
            )
        if run.state != run.State.QUEUED:
            pretraining.retry(run, enqueue=queue)
            run.refresh_from_db()
        return run
