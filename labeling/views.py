"""The doors to the history: the list, one part, its correction, and retraining by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inspection.api.filters import TOLD_BY_MODEL
from inspection.models import Inspection, Product
from inspection.refusals import CannotScore
from inspection.web.selection import chosen_product
from labeling import answering, blindness, history, lineage, review
from labeling.forms import HistoryForm, VerdictForm, types_of
from labeling.models import Label, Recheck
from labeling.opinions import opinions
from labeling.pretraining import pretrain as start_pretraining
from labeling.refusals import Refusal
from labeling.retraining import PERMISSION as MAY_RETRAIN
from labeling.retraining import retrain as start_retraining
from labeling.timeline import timeline
from mltasks.models import BackboneRun, TrainingRun
from mltasks.vision.pretrain.pretraining_config import Lesson
from mltasks.web.access import needs, person, whole_number
from mltasks.web.selection import remember

may_look = needs("inspection.view_inspection")
LOOKS = ("table", "sheet")


@require_GET
@may_look
def inspections(request: HttpRequest) -> HttpResponse:
    """The history, filtered, as a table or as a contact sheet."""
    product = chosen_product(request)
    if product is None:
        return render(request, "inspections/no_product.html")
    form = HistoryForm(request.GET, product=product)
    look = request.GET.get("look", "table")
    hidden = blindness.hidden_from(person(request))
    page = history.page(product, form.wanted, request.GET.get("before", ""))
    blind = blindness.judged_blind(person(request))
    # A filter would tell what the columns hide.
    told = (hidden if "label" in form.wanted else set()) | (blind if TOLD_BY_MODEL & set(form.wanted) else set())
    page = replace(page, parts=[part for part in page.parts if part.pk not in told])
    context = {
        "product": product,
        "form": form,
        "filtered": form.wanted,
        "page": page,
        "hidden": hidden,
        "blind": blind,
        "look": look if look in LOOKS else "table",
        "paged": "before" in request.GET,
        "retention": settings.RETENTION_DAYS,
    }
    return render(request, "inspections/list.html", context)


@require_GET
@may_look
def inspection(request: HttpRequest, key: UUID) -> HttpResponse:
    """One part: image, scores, life."""
    part = _part(key)
    remember(request, part.product.registered_model)
    return _life(request, part)


@require_POST
@needs("labeling.add_review")
def score(request: HttpRequest, key: UUID) -> HttpResponse:
    """The same page with the scores of the versions asked for; nothing is stored."""
    part = _part(key)
    if part.pk in blindness.judged_blind(person(request)):
        raise PermissionDenied(_("You judge this part by the image alone. Give your verdict first."))
    try:
        return _life(request, part, [whole_number(text) for text in request.POST.getlist("version")])
    except CannotScore as refusal:
        messages.error(request, refusal.detail)
        return _life(request, part)


def _life(request: HttpRequest, part: Inspection, asked: Sequence[int] = ()) -> HttpResponse:
    hidden = blindness.hidden_from(person(request))
    blind, unscored = part.pk in hidden, part.pk in blindness.judged_blind(person(request))
    standing = None if blind else review.standing_label(part)
    again = None if blind else answering.open_recheck(part)
    context = {
        "part": part,
        "product": part.product,
        "standing": standing,
        "blind": blind,
        "unscored": unscored,
        "dispute": answering.two_words(again),
        "may_say": again is None or again.reason != Recheck.Reason.DISPUTED or again.waits_for(person(request)),
        "events": timeline(part, blind=blind, scored=not unscored),
        "lineage": lineage.of(part, hidden=hidden, blind=unscored),
        "opinions": [] if blind or unscored else opinions(part, asked),
        "types": types_of(part.product),
        "may_undo": standing is not None and _may_undo(request, standing),
    }
    return render(request, "inspections/detail.html", context)


@require_POST
@needs("labeling.add_review")
def correct(request: HttpRequest, key: UUID) -> HttpResponse:
    """Say what a part is, whatever was said before."""
    part = _part(key)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose PASS or FAIL."))
        return redirect("part", key)
    try:
        label = review.correct(part, by=person(request), **form.words)
        messages.success(request, _("Labeled {label}. The next training learns it.").format(label=label))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("part", key)


@require_POST
@needs("labeling.add_review")
def undo(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take back the label that the page showed."""
    label = get_object_or_404(Label, pk=whole_number(request.POST.get("label", "")), inspection=key)
    try:
        review.undo(label, by=person(request))
        messages.success(request, _("{label} was taken back.").format(label=label))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("part", key)


@require_POST
@needs(MAY_RETRAIN)
def retrain(request: HttpRequest, product: str) -> HttpResponse:
    """Queue a training on today's labels and show its run."""
    found = get_object_or_404(Product.objects.select_related("registered_model"), slug=product)
    waiting = TrainingRun.objects.unfinished().filter(model=found.registered_model_id).first()
    if waiting is not None:
        messages.info(request, _("A training is on its way already; its result comes first."))
        return redirect("run", waiting.pk)
    try:
        run = start_retraining(found, trigger=TrainingRun.Trigger.MANUAL, requested_by=person(request))
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("models")
    return redirect("run", run.pk)


@require_POST
@needs(MAY_RETRAIN)
def pretrain(request: HttpRequest, product: str) -> HttpResponse:
    """Queue a lesson of the backbone on the product's stored images and show it."""
    found = get_object_or_404(Product.objects.select_related("registered_model"), slug=product)
    waiting = BackboneRun.objects.unfinished().filter(model=found.registered_model_id).light().first()
    if waiting is not None:
        messages.info(request, _("A lesson is on its way already; its result comes first."))
        return redirect("backbone", waiting.pk)
    try:
        run = start_pretraining(found, Lesson(), requested_by=person(request))
        said = _("Queued: usually {time} on two cores. Trainings wait until it is done.")
        messages.success(request, said.format(time=Lesson().usually))
    except ValueError as error:
        messages.error(request, str(error))
        return redirect("models")
    return redirect("backbone", run.pk)


def _part(key: UUID) -> Inspection:
    return get_object_or_404(_parts(), pk=key)


def _parts() -> QuerySet[Inspection]:
    return Inspection.objects.select_related("product__registered_model", "station", "model_version", "uploaded_by")


def _may_undo(request: HttpRequest, label: Label) -> bool:
    return label.reviewer == request.user or person(request).has_perm("labeling.undo_any_label")
