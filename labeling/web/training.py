"""Views that start a training run or a pretraining run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inspection.web.selection import product_of
from labeling.datasets import pretraining_request, retraining
from mltasks.models import BackboneRun, TrainingRun
from mltasks.models.runs import Run
from mltasks.refusals import Refusal
from mltasks.vision.pretrain.pretraining_config import PretrainingConfig
from mltasks.web.access import current_user, may_train


@require_POST
@may_train
def retrain(request: HttpRequest, product: str) -> HttpResponse:
    """Queue a training run on today's labels and show it."""
    chosen = product_of(product)
    unfinished = TrainingRun.objects.unfinished().filter(model=chosen.registered_model_id).first()
    trigger = TrainingRun.Trigger.MANUAL
    start = partial(retraining.retrain, chosen, trigger=trigger, requested_by=current_user(request))
    return _show_run(request, "run", unfinished, start)


@require_POST
@may_train
def pretrain(request: HttpRequest, product: str) -> HttpResponse:
    """Queue a pretraining run on the product's stored images and show it."""
    chosen = product_of(product)
    runs = BackboneRun.objects.unfinished().filter(model=chosen.registered_model_id)

    def start() -> Run:
        run = pretraining_request.pretrain(chosen, PretrainingConfig(), requested_by=current_user(request))
        text = _("Pretraining run queued: it usually takes {time} on two cores. Training runs wait until it is done.")
        messages.success(request, text.format(time=PretrainingConfig().typical_duration))
        return run

    return _show_run(request, "backbone", runs.without_large_fields().first(), start)


def _show_run(request: HttpRequest, page: str, unfinished: Run | None, start: Callable[[], Run]) -> HttpResponse:
    """Redirect to the unfinished run, or to a new one. Show a refusal on the page of models."""
    if unfinished is not None:
        messages.info(request, _("This run is in progress. Wait for it to finish, then start another."))
        return redirect(page, unfinished.pk)
    try:
        return redirect(page, start().pk)
    except (Refusal, ValueError) as error:
        messages.error(request, str(error))
        return redirect("models")
