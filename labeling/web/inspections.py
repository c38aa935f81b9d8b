"""Pages of past inspections: list, detail, and reference parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inspection.api.filters import MODEL_FILTERS
from inspection.models import Inspection
from inspection.refusals import CannotScore
from inspection.web.selection import chosen_product
from labeling.datasets.defect_places import DefectPlace, place_of_part
from labeling.datasets.defect_type_service import active_types
from labeling.history import history, part_lineage
from labeling.history.timeline import build_timeline
from labeling.history.version_predictions import load_version_predictions
from labeling.models import Recheck
from labeling.rechecks import recheck_resolution
from labeling.review import blinding, review
from labeling.review.reference_parts import most_similar
from labeling.web.forms import HistoryForm
from mltasks.web.access import current_user, parse_row_id, require_permission
from mltasks.web.selection import remember_choice


@require_GET
@require_permission("labeling.add_review")
def references(request: HttpRequest, inspection: UUID) -> HttpResponse:
    """Return the reference parts with their labels, as a fragment loaded after the image."""
    part = get_object_or_404(Inspection.objects.select_related("product__registered_model"), pk=inspection)
    return render(request, "review/_references.html", {"references": most_similar(part)})


may_view = require_permission("inspection.view_inspection")
LAYOUTS = ("table", "sheet")


@require_GET
@may_view
def inspections(request: HttpRequest) -> HttpResponse:
    """Show the history, filtered, as a table or as a contact sheet."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Inspections")})
    form = HistoryForm(request.GET, product=product)
    display = request.GET.get("look", "table")
    hidden = blinding.parts_hidden_from(current_user(request))
    page = history.load_page(product, form.active_filters, request.GET.get("before", ""))
    blind = blinding.parts_judged_blind(current_user(request))
    # A filter would reveal what the columns hide.
    revealed = (hidden if "label" in form.active_filters else set()) | (
        blind if MODEL_FILTERS & set(form.active_filters) else set()
    )
    page = replace(page, parts=[part for part in page.parts if part.pk not in revealed])
    context = {
        "product": product,
        "form": form,
        "filtered": form.active_filters,
        "page": page,
        "hidden": hidden,
        "blind": blind,
        "display": display if display in LAYOUTS else "table",
        "paged": "before" in request.GET,
        "retention": settings.RETENTION_DAYS,
    }
    return render(request, "inspections/list.html", context)


@require_GET
@may_view
def inspection(request: HttpRequest, key: UUID) -> HttpResponse:
    """Show one part: image, scores and timeline."""
    part = get_part(key)
    remember_choice(request, part.product.registered_model)
    return _render_part(request, part)


@require_POST
@require_permission("labeling.add_review")
def score(request: HttpRequest, key: UUID) -> HttpResponse:
    """Show the part's page with scores of the chosen versions; nothing is stored."""
    part = get_part(key)
    if part.pk in blinding.parts_judged_blind(current_user(request)):
        raise PermissionDenied(_("You review this part without the model. Give your verdict first."))
    try:
        return _render_part(request, part, [parse_row_id(text) for text in request.POST.getlist("version")])
    except CannotScore as refusal:
        messages.error(request, refusal.detail)
        return _render_part(request, part)


def _render_part(request: HttpRequest, part: Inspection, version_numbers: Sequence[int] = ()) -> HttpResponse:
    hidden = blinding.parts_hidden_from(current_user(request))
    blind, unscored = part.pk in hidden, part.pk in blinding.parts_judged_blind(current_user(request))
    standing = None if blind else review.standing_label(part)
    recheck = None if blind else recheck_resolution.find_open_recheck(part)
    place = DefectPlace() if blind else place_of_part(part)
    may_correct = (
        recheck is None or recheck.reason != Recheck.Reason.DISPUTED or recheck.answerable_by(current_user(request))
    )
    context = {
        "part": part,
        "product": part.product,
        "standing": standing,
        "blind": blind,
        "unscored": unscored,
        "dispute": recheck_resolution.disputed_labels(recheck),
        "may_correct": may_correct,
        "may_mark": may_correct and current_user(request).has_perm("labeling.add_review"),
        "place": place,
        "marks": json.dumps([mark.to_json() for mark in place.marks]),
        "events": build_timeline(part, blind=blind, scored=not unscored),
        "lineage": part_lineage.build_part_lineage(part, hidden=hidden, blind=unscored),
        "predictions": [] if blind or unscored else load_version_predictions(part, version_numbers),
        "types": active_types(part.product),
        "may_undo": standing is not None and review.may_undo(standing, current_user(request)),
    }
    return render(request, "inspections/detail.html", context)


def get_part(key: UUID) -> Inspection:
    """Return the part of the address. Raises Http404."""
    parts = Inspection.objects.select_related("product__registered_model", "station", "model_version", "uploaded_by")
    return get_object_or_404(parts, pk=key)
