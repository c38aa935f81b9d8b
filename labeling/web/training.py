"""Views that start a training run or a pretraining run."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inspection.web.selection import product_of
from labeling.datasets.pretraining_request import pretrain as start_pretraining
from labeling.datasets.retraining import RETRAIN_PERMISSION as MAY_RETRAIN
from labeling.datasets.retraining import retrain as start_retraining
from mltasks.models import BackboneRun, TrainingRun
from mltasks.refusals import Refusal
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig
from mltasks.web.access import current_user, require_permission


@require_POST
@require_permission(MAY_RETRAIN)
def retrain(request: HttpRequest, product: str) -> HttpResponse:
    """Queue a training run on today's labels and show it."""
    found = product_of(product)
    waiting = TrainingRun.objects.unfinished().filter(model=found.registered_model_id).first()
    if waiting is not None:
        messages.info(request, _("A training run is already in progress. Wait for it to finish, then start another."))
        return redirect("run", waiting.pk)
    try:
        run = start_retraining(found, trigger=TrainingRun.Trigger.MANUAL, requested_by=current_user(request))
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("models")
    return redirect("run", run.pk)


@require_POST
@require_permission(MAY_RETRAIN)
def pretrain(request: HttpRequest, product: str) -> HttpResponse:
    """Queue a pretraining run on the product's stored images and show it."""
    found = product_of(product)
    waiting = BackboneRun.objects.unfinished().filter(model=found.registered_model_id).without_large_fields().first()
    if waiting is not None:
        messages.info(
            request, _("A pretraining run is already in progress. Wait for it to finish, then start another.")
        )
        return redirect("backbone", waiting.pk)
    try:
        run = start_pretraining(found, PretrainingConfig(), requested_by=current_user(request))
        said = _("Pretraining run queued: it usually takes {time} on two cores. Training runs wait until it is done.")
        messages.success(request, said.format(time=PretrainingConfig().typical_duration))
    except (Refusal, ValueError) as error:
        messages.error(request, str(error))
        return redirect("models")
    return redirect("backbone", run.pk)
