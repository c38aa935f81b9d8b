"""Views of one part's label: its correction, its undo, and the mask of the defect."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inspection.models import Verdict
from labeling.datasets.defect_places import place_of_part
from labeling.models import Label
from labeling.review import blinding, review
from labeling.web.forms import VerdictForm
from labeling.web.inspections import get_part, may_view
from mltasks.refusals import Refusal
from mltasks.storage import object_store
from mltasks.web.access import current_user, parse_row_id, require_permission


@require_POST
@require_permission("labeling.add_review")
def correct(request: HttpRequest, key: UUID) -> HttpResponse:
    """Save a verdict on a part, whatever its earlier labels."""
    part = get_part(key)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        messages.error(request, str(form.errors.get("marks", [_("Choose PASS or FAIL.")])[0]))
        return redirect("part", key)
    fields = form.cleaned_data
    if fields["verdict"] == Verdict.PASS and fields["marks"]:
        fields["marks"] = None
        messages.info(request, _("PASS has no defect, so the marks were dropped."))
    try:
        label = review.correct(part, by=current_user(request), **fields)
        messages.success(request, _("Labeled {label}. The next training run uses this label.").format(label=label))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("part", key)


@require_POST
@require_permission("labeling.add_review")
def undo(request: HttpRequest, key: UUID) -> HttpResponse:
    """Undo the label that the page showed."""
    label = get_object_or_404(Label, pk=parse_row_id(request.POST.get("label", "")), inspection=key)
    try:
        review.undo(label, by=current_user(request))
        messages.success(request, _("Label {label} was undone.").format(label=label))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("part", key)


@require_GET
@may_view
def mask(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Send the imported mask of the part's defect; 404 for a person who judges the part."""
    part = get_part(key)
    place = place_of_part(part)
    if part.pk in blinding.parts_hidden_from(current_user(request)) or not place.mask_sha256:
        raise Http404
    try:
        content = object_store.local_path(place.mask_name, place.mask_sha256).open("rb")
    except FileNotFoundError:
        raise Http404 from None
    return FileResponse(content, content_type="image/png")
