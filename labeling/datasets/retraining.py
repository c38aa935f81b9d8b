"""Start of training runs: every night by the clock, or by a person.

A run trains on a snapshot of the product's current labels. The nightly run starts if there are new labels, once a
night however many beat processes run.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from inspection.models import Product
from labeling.datasets import part_id_notes
from labeling.datasets.datasets import take_snapshot
from labeling.models import Label, LabelUndo
from mltasks.models import DatasetSnapshot, RegisteredModel, TrainingRun
from mltasks.training import training

logger = logging.getLogger(__name__)


def retrain(
    product: Product,
    *,
    trigger: TrainingRun.Trigger,
    requested_by: User | None = None,
    night: date | None = None,
    enqueue: bool = True,
) -> TrainingRun:
    """Take a snapshot of the product's labels and queue a training run on it, or do neither.

    With ``enqueue`` False the caller executes the run at once. Raises NotEnoughLabels, with a text for people, and
    ValueError if the product's training settings are invalid.
    """
    config = product.train_config()
    noted = part_id_notes.refresh_notes(product)
    with transaction.atomic():
        snapshot = take_snapshot(product)
        return training.start(
            snapshot, config, trigger=trigger, requested_by=requested_by, night=night, enqueue=enqueue, notes=noted
        )


def start_due_runs(now: datetime) -> list[TrainingRun]:
    """Start the runs that are due at ``now``; return them, also runs refused for too few labels.

    A product's night is the last time that its ``retrain_at`` passed in local time, so a missed night is caught up.
    Later labels wait for the next night.
    """
    runs = []
    for product in Product.objects.filter(retrain_nightly=True).select_related("registered_model"):
        try:
            run = _start_nightly_run(product, last_due(product, now))
        except Exception:
            # An error with one product must not stop the others; the next tick tries again.
            logger.exception("The nightly retraining of %s could not start", product.slug)
            continue
        if run is not None:
            runs.append(run)
    return runs


def last_due(product: Product, now: datetime) -> datetime:
    """Return the last time up to ``now`` at which the product's retraining was due."""
    local = timezone.localtime(now)
    due = timezone.make_aware(datetime.combine(local.date(), product.retrain_at))
    if due <= now:
        return due
    return timezone.make_aware(datetime.combine(local.date() - timedelta(days=1), product.retrain_at))


def _start_nightly_run(product: Product, due: datetime) -> TrainingRun | None:
    night = timezone.localtime(due).date()
    nights = TrainingRun.objects.filter(model_id=product.registered_model_id, night=night)
    if nights.exists() or not has_new_labels(product, due):
        return None
    with transaction.atomic():
        # A second process waits here, then finds the first one's run. The unique constraint backs this up.
        RegisteredModel.objects.select_for_update().get(pk=product.registered_model_id)
        if nights.exists():
            return None
        try:
            return retrain(product, trigger=TrainingRun.Trigger.NIGHTLY, night=night)
        except ValueError as error:
            return _record_refused_run(product, due, str(error))


def has_new_labels(product: Product, due: datetime) -> bool:
    """Return True if there are labels or undos until ``due`` that no training has seen."""
    model = product.registered_model
    # The labels of a failed run are new until a run succeeds.
    states = [TrainingRun.State.QUEUED, TrainingRun.State.RUNNING, TrainingRun.State.SUCCEEDED]
    seen = DatasetSnapshot.objects.filter(model=model, runs__state__in=states)
    trained = seen.aggregate(at=Max("created_at"))["at"]
    # A night that was refused for too few labels is not refused again until there is a new label.
    # An imported version was not trained on these labels, and its run was not refused.
    no_snapshot = TrainingRun.objects.filter(model=model, snapshot=None).exclude(trigger=TrainingRun.Trigger.IMPORTED)
    refused = no_snapshot.aggregate(at=Max("created_at"))["at"]
    since = max((moment for moment in (trained, refused) if moment), default=None)
    new = Q(created_at__lte=due) & (Q(created_at__gt=since) if since else Q())
    labels = Label.objects.filter(new, inspection__product=product)
    return labels.exists() or LabelUndo.objects.filter(new, label__inspection__product=product).exists()


def _record_refused_run(product: Product, due: datetime, message: str) -> TrainingRun:
    """Create the night's run as failed, with the reason."""
    return TrainingRun.objects.create(
        model=product.registered_model,
        trigger=TrainingRun.Trigger.NIGHTLY,
        night=timezone.localtime(due).date(),
        state=TrainingRun.State.FAILED,
        stage=gettext_noop("Not started"),
        error=message,
        log=f"{message}\n",
        finished_at=timezone.now(),
    )
