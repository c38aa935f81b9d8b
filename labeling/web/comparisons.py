"""The door to versions beside each other: their curves and figures, and the parts on which they disagree."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from inspection.models import Product
from inspection.products.part_identity import PartIdentities
from labeling.history.report_image_links import pictured
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.reports import version_comparison
from mltasks.reports.version_disagreement import disagreement, every_group
from mltasks.reports.version_report import Reading
from mltasks.web.access import needs, person, whole_number
from mltasks.web.selection import remember

# On a page's pictures together: with more versions fewer pictures, so that no page gets heavy.
WORDS = 40


@require_GET
@needs("mltasks.view_modelversion")
def compare(request: HttpRequest, product: str) -> HttpResponse:
    """Two to six versions beside each other; with other numbers, or to choose others, the form that asks for them."""
    model = get_object_or_404(RegisteredModel, name=product)
    remember(request, model)
    numbers = [whole_number(text) for text in request.GET.getlist("v")]
    choice = version_comparison.choose(model, numbers)
    if choice.refusal or "choose" in request.GET:
        return _chooser(request, model, choice, set(numbers))
    start = whole_number(request.GET.get("start", ""))
    return render(request, "models/compare.html", {"model": model, "choice": choice} | _beside(request, choice, start))


def _beside(request: HttpRequest, choice: version_comparison.Choice, start: int) -> dict[str, Any]:
    versions = choice.versions
    readings = [Reading(version) for version in versions]
    product = Product.objects.filter(registered_model=versions[0].model_id).first()
    found = disagreement(versions, PartIdentities(product).is_part if product else every_group)
    size = WORDS // len(versions)
    images = found.differ[start : start + size]
    since = [str(reading.version.number) for reading in readings if reading.learned_since]
    return {
        "named": get_text_list([str(version.number) for version in versions], _("and")),
        "readings": readings,
        "alike": version_comparison.measured_alike(readings),
        "cost_alike": version_comparison.cost_alike(readings),
        "measured": [(reading, version_comparison.how_measured(reading)) for reading in readings],
        "figures": version_comparison.figures(readings),
        "types": version_comparison.defect_types(readings),
        "found": found,
        "learned_since": since,
        "learned_since_words": get_text_list(since, _("and")),
        "pictures": pictured(versions[0].model, images, versions, person(request)),
        "first": start + 1,
        "last": start + len(images),
        "previous": max(0, start - size) if start else None,
        "next": start + size if start + size < len(found.differ) else None,
    }


def _chooser(
    request: HttpRequest, model: RegisteredModel, choice: version_comparison.Choice, numbers: set[int]
) -> HttpResponse:
    versions = ModelVersion.objects.filter(model=model).order_by("-number").only("number", "state", "created_at")
    context = {
        "model": model,
        "choice": choice,
        "versions": versions,
        "chosen": numbers,
        "most": version_comparison.MOST,
        "asked": bool(numbers) and "choose" not in request.GET,
    }
    return render(request, "models/compare_choose.html", context, status=400 if choice.too_many else 200)
