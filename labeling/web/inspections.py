"""Pages of past inspections: list, detail, correction and undo.

The door to what a part is compared with: a fragment that pages load when the part's image is there.

The doors to the history: the list, one part, its correction, and retraining by hand.
"""

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
from inspection.models import Inspection
from inspection.refusals import CannotScore
from inspection.web.selection import chosen_product
from labeling.datasets.defect_type_service import types_of
from labeling.history import history, part_lineage
from labeling.history.timeline import timeline
from labeling.history.version_predictions import opinions
from labeling.models import Label, Recheck
from labeling.rechecks import recheck_resolution
from labeling.review import blinding, review
from labeling.review.reference_parts import most_alike
from labeling.web.forms import HistoryForm, VerdictForm
from mltasks.refusals import Refusal
from mltasks.web.access import needs, person, whole_number
from mltasks.web.selection import remember


@require_GET
@needs("labeling.add_review")
def references(request: HttpRequest, inspection: UUID) -> HttpResponse:
    """The most alike good and defective labeled parts, with their labels."""
    part = get_object_or_404(Inspection.objects.select_related("product__registered_model"), pk=inspection)
    return render(request, "review/_references.html", {"found": most_alike(part)})


may_look = needs("inspection.view_inspection")
LOOKS = ("table", "sheet")


@require_GET
@may_look
def inspections(request: HttpRequest) -> HttpResponse:
    """The history, filtered, as a table or as a contact sheet."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Inspections")})
    form = HistoryForm(request.GET, product=product)
    look = request.GET.get("look", "table")
    hidden = blinding.hidden_from(person(request))
    page = history.page(product, form.wanted, request.GET.get("before", ""))
    blind = blinding.judged_blind(person(request))
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
    if part.pk in blinding.judged_blind(person(request)):
        raise PermissionDenied(_("You judge this part by the image alone. Give your verdict first."))
    try:
        return _life(request, part, [whole_number(text) for text in request.POST.getlist("version")])
    except CannotScore as refusal:
        messages.error(request, refusal.detail)
        return _life(request, part)


def _life(request: HttpRequest, part: Inspection, asked: Sequence[int] = ()) -> HttpResponse:
    hidden = blinding.hidden_from(person(request))
    blind, unscored = part.pk in hidden, part.pk in blinding.judged_blind(person(request))
    standing = None if blind else review.standing_label(part)
    again = None if blind else recheck_resolution.open_recheck(part)
    context = {
        "part": part,
        "product": part.product,
        "standing": standing,
        "blind": blind,
        "unscored": unscored,
        "dispute": recheck_resolution.two_words(again),
        "may_say": again is None or again.reason != Recheck.Reason.DISPUTED or again.waits_for(person(request)),
        "events": timeline(part, blind=blind, scored=not unscored),
        "lineage": part_lineage.of(part, hidden=hidden, blind=unscored),
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
        label = review.correct(part, by=person(request), **form.cleaned_data)
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


def _part(key: UUID) -> Inspection:
    return get_object_or_404(_parts(), pk=key)


def _parts() -> QuerySet[Inspection]:
    return Inspection.objects.select_related("product__registered_model", "station", "model_version", "uploaded_by")


def _may_undo(request: HttpRequest, label: Label) -> bool:
    return label.reviewer == request.user or person(request).has_perm("labeling.undo_any_label")
