"""Pages of defect types: the gallery and, for quality managers, edit and merge."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from inspection.models import Inspection, Product
from inspection.web.selection import chosen_product, product_of
from labeling.datasets import defect_type_gallery, defect_type_service
from labeling.datasets.defect_type_service import active_types
from labeling.models import DefectType
from labeling.web.forms import DefectTypeForm
from mltasks.refusals import Refusal
from mltasks.web.access import current_user, parse_row_id, require_permission
from mltasks.web.forms import submit
from mltasks.web.selection import remember_choice

may_view = require_permission("labeling.view_defecttype")
may_change = require_permission("labeling.change_defecttype")


@require_GET
@may_view
def gallery(request: HttpRequest) -> HttpResponse:
    """Show the types of the chosen product with their examples."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Defect types")})
    return _render_gallery(request, product, DefectTypeForm())


@require_POST
@may_change
def add(request: HttpRequest, product: str) -> HttpResponse:
    """Add a type to a product."""
    chosen = product_of(product)
    form = DefectTypeForm(request.POST)

    def save() -> None:
        kind = defect_type_service.add_type(chosen, **form.cleaned_data)
        messages.success(request, _("Added %(name)s.") % {"name": kind.name})

    if submit(form, save):
        return redirect("defect-types")
    return _render_gallery(request, chosen, form)


@require_http_methods(["GET", "POST"])
@may_change
def change(request: HttpRequest, key: int) -> HttpResponse:
    """Show and change one type: name, key, color and examples."""
    kind = _get_defect_type(key)
    if kind.merged_into is not None:
        return redirect("defect-type", kind.merged_into.pk)
    remember_choice(request, kind.product.registered_model)
    form = DefectTypeForm(request.POST or None, defect_type=kind)
    if submit(form, lambda: defect_type_service.change_type(kind, **form.cleaned_data)):
        messages.success(request, _("Saved."))
        return redirect("defect-type", key)
    context = {
        "product": kind.product,
        "card": defect_type_gallery.load_card(kind),
        "form": form,
        "parts": defect_type_gallery.newest_parts_of_type(kind),
        "others": [other for other in active_types(kind.product) if other != kind],
    }
    return render(request, "types/change.html", context)


@require_POST
@may_change
def edit_example(request: HttpRequest, key: int) -> HttpResponse:
    """Add or remove an example part."""
    kind = _get_defect_type(key)
    try:
        if "remove" in request.POST:
            defect_type_service.remove_example(kind, _get_part(request.POST["remove"]))
        else:
            defect_type_service.add_example(kind, _get_part(request.POST.get("add", "")), by=current_user(request))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("defect-type", key)


@require_http_methods(["GET", "POST"])
@may_change
def merge(request: HttpRequest, key: int) -> HttpResponse:
    """Show what a merge changes (GET) and merge (POST)."""
    kind = _get_defect_type(key)
    fields = request.POST if request.method == "POST" else request.GET
    into = get_object_or_404(DefectType, pk=parse_row_id(fields.get("into", "")), product=kind.product)
    if request.method == "POST":
        return _merge_types(request, kind, into)
    if kind.merged_into is not None or into.merged_into is not None or into == kind:
        return redirect("defect-type", key)
    remember_choice(request, kind.product.registered_model)
    context = {
        "product": kind.product,
        "card": defect_type_gallery.load_card(kind),
        "into": defect_type_gallery.load_card(into),
    }
    return render(request, "types/merge.html", context)


def _merge_types(request: HttpRequest, defect_type: DefectType, into: DefectType) -> HttpResponse:
    try:
        defect_type_service.merge_types(defect_type, into=into)
        messages.success(
            request, _("%(name)s was merged into %(other)s.") % {"name": defect_type.name, "other": into.name}
        )
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("defect-types")


def _render_gallery(request: HttpRequest, product: Product, form: DefectTypeForm) -> HttpResponse:
    remember_choice(request, product.registered_model)
    context: dict[str, Any] = {
        "product": product,
        "form": form,
        "cards": defect_type_gallery.load_cards(product),
        "merged_cards": defect_type_gallery.merged_type_cards(product),
    }
    return render(request, "types/guide.html", context)


def _get_defect_type(key: int) -> DefectType:
    types = DefectType.objects.select_related("product__registered_model", "merged_into")
    return get_object_or_404(types, pk=key)


def _get_part(text: str) -> Inspection:
    try:
        return get_object_or_404(Inspection, pk=UUID(text))
    except ValueError:
        raise Http404 from None
