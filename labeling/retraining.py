"""Retrain a product: freeze what its people say today, and queue a run on it."""

from __future__ import annotations

from datetime import date

from django.contrib.auth.models import User
from django.db import transaction

from inspection.models import Product
from labeling import part_id_notes
from labeling.datasets import take_snapshot
from mltasks.models import TrainingRun
from mltasks.training import training

PERMISSION = "mltasks.add_trainingrun"


def retrain(
    product: Product,
    *,
    trigger: TrainingRun.Trigger,
    requested_by: User | None = None,
    night: date | None = None,
    hint: bool = True,
) -> TrainingRun:
    """Take a snapshot of the product's labels and queue a training on it, or do neither.

    ``hint`` False leaves the run to the caller, who executes it at once. Raises NotEnoughLabels, in words for people,
    and ValueError when the product's training settings can't be used.
    """
    config = product.train_config()
    noted = part_id_notes.notes(product)
    with transaction.atomic():
        snapshot = take_snapshot(product)
        return training.start(
            snapshot, config, trigger=trigger, requested_by=requested_by, night=night, hint=hint, notes=noted
        )
