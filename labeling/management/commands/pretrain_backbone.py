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
    "images": "stored images to sample from, at most",
    "drawn": "synthetic images to add",
    "drawn_share": "share of synthetic images in each step",
    "learning_rate": "learning rate of the first full step",
    "detail": "weight of a loss on the finest maps (stride 4)",
    "save_every": "steps between checkpoints",
    "measured": "labeled images for the measurement, at most",
    "threads": "number of threads; 0 uses all cores",
    "seed": "seed of all random numbers",
}


class Command(ProductCommand):
    """Command that pretrains a backbone; it is used if it measures better."""

    help = (
        "Pretrain the backbone on the product's stored images, labeled or not. The next training runs use it if it "
        "measures better. The last line is the result."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the product, foreground or worker, and the pretraining options."""
        super().add_arguments(parser)
        parser.add_argument(
            "--queue", action="store_true", help="queue the run for a worker; the last line is the run's id"
        )
        parser.add_argument(
            "--resume", action="store_true", help="resume the newest pretraining run if it failed or stopped"
        )
        for name, meaning in OPTIONS.items():
            default = getattr(PretrainingConfig(), name)
            flag = f"--{name.replace('_', '-')}"
            parser.add_argument(flag, type=type(default), default=default, help=f"{meaning} (default {default})")

    def handle(self, *args: Any, product: str, queue: bool, resume: bool, **options: Any) -> None:
        """Pretrain, in the foreground with a progress bar unless the run is queued."""
        products = Product.objects.select_related("registered_model").filter(slug=product)
        chosen = require(products, f"There is no product {product!r}. Create it with create_product.")
        try:
            run = self._resume(chosen, queue) if resume else self._start(chosen, queue, options)
        except (ValueError, RunNotAvailable) as error:
            raise CommandError(str(error)) from None
        if queue:
            self.stdout.write(str(run.pk))
            return
        execute_with_bar(pretraining.PretrainingExecutor(), run, self.stderr)
        self.stdout.write(f"{run}: {run.file}")
        self.stdout.write(str(run.evaluation["words"]))

    def _start(self, product: Product, queue: bool, options: dict[str, Any]) -> BackboneRun:
        config = PretrainingConfig(**{name: options[name] for name in OPTIONS})
        run = pretrain(product, config, enqueue=queue)
        self.stdout.write(
            f"Run {run.pk}: {len(run.pictures)} stored images, {config.steps * config.batch} crops, usually "
            f"{config.typical_duration} on two cores.",
            self.style.NOTICE,
        )
        if run.labels_missing:
            self.stdout.write(f"It cannot be measured or used yet. {run.labels_missing}")
        return run

    def _resume(self, product: Product, queue: bool) -> BackboneRun:
        run_recovery.release_abandoned()  # a killed run is queued from here on
        run = BackboneRun.objects.filter(model=product.registered_model).first()
        if run is None:
            raise RunNotAvailable("There is no pretraining run to resume.")
        if run.state == run.State.RUNNING:
            raise RunNotAvailable(
                f"Run {run.pk} is running, or was killed less than a minute ago. Wait a minute, then try again."
            )
        if run.state != run.State.QUEUED:
            pretraining.retry(run, enqueue=queue)
            run.refresh_from_db()
        return run
