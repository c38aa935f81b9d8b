"""Stored parts with verdicts, and a candidate version."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from mltasks.vision.benchmarks.printing import PrintLine
from webapp.benchmarks.serving.ours import PRODUCT

if TYPE_CHECKING:  # Django is set up by the site
    from mltasks.models import ModelVersion


def train_candidate(say: PrintLine) -> ModelVersion:
    """Train a version with another seed, without promotion."""
    from inspection.models import Product
    from labeling.datasets.retraining import retrain
    from mltasks.models import TrainingRun
    from mltasks.runs.execution import execute
    from mltasks.training import training

    say("training a candidate ...")
    product = Product.objects.get(slug=PRODUCT)
    product.training_settings = {**product.training_settings, "seed": 11}
    run = retrain(product, trigger=TrainingRun.Trigger.COMMAND, enqueue=False)
    return execute(training.TrainingExecutor(), run, lambda _: None)


def store_parts(count: int) -> None:
    """Store ``count`` decided parts: copies of the posted parts with their own ids."""
    from inspection.models import Inspection

    posted = list(Inspection.objects.filter(product__slug=PRODUCT, state=Inspection.State.DECIDED))
    rows = []
    for number in range(count):
        row = posted[number % len(posted)]
        row = Inspection(**{field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields})
        row.pk, row.part_id, row.idempotency_key = uuid.uuid4(), f"again-{number}", ""
        rows.append(row)
    Inspection.objects.bulk_create(rows, batch_size=1000)
    earliest = min(row.received_at for row in posted)
    # The replay takes the newest parts: the copies, not the posted ones.
    Inspection.objects.filter(pk__in=[row.pk for row in posted]).update(received_at=earliest - timedelta(days=1))


def newest_parts(count: int) -> list[UUID]:
    """Return the parts that a replay of ``count`` parts takes."""
    from inspection.models import Inspection

    decided = Inspection.objects.filter(product__slug=PRODUCT, state=Inspection.State.DECIDED)
    return list(decided.order_by("-received_at", "-id").values_list("pk", flat=True)[:count])
