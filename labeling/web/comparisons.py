"""Page that compares versions: curves, figures, and the parts on which they disagree."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from inspection.models import Product
from inspection.products.part_identity import PartIdentities
from labeling.history.report_image_links import link_report_images
from mltasks.models import ModelVersion, RegisteredModel
from mltasks.reports import version_comparison
from mltasks.reports.figure_comparison import compare_figures
from mltasks.reports.version_disagreement import find_disagreement
from mltasks.reports.version_report import VersionReport
from mltasks.web.access import current_user, may_view_models, parse_row_id
from mltasks.web.selection import remember_choice

# Per page over all images: with more versions a page has fewer images.
MAX_PREDICTIONS = 40


@require_GET
@may_view_models
def compare(request: HttpRequest, product: str) -> HttpResponse:
    """Show two to six versions beside each other; else the form to choose them."""
    model = get_object_or_404(RegisteredModel, name=product)
    remember_choice(request, model)
    numbers = [parse_row_id(text) for text in request.GET.getlist("v")]
    choice = version_comparison.select_versions(model, numbers)
    if choice.refusal or "choose" in request.GET:
        return _version_chooser(request, model, choice, set(numbers))
    start = parse_row_id(request.GET.get("start", ""))
    return render(
        request, "models/compare.html", {"model": model, "choice": choice} | _comparison_context(request, choice, start)
    )


def _comparison_context(
    request: HttpRequest, choice: version_comparison.VersionSelection, start: int
) -> dict[str, Any]:
    versions = choice.versions
    readings = [VersionReport(version) for version in versions]
    product = Product.objects.filter(registered_model=versions[0].model_id).first()
    disagreement = find_disagreement(versions, PartIdentities(product).names_part if product else bool)
    size = MAX_PREDICTIONS // len(versions)
    images = disagreement.differing_images[start : start + size]
    since = [str(reading.version.number) for reading in readings if reading.trained_on_evaluation_parts]
    return {
        "named": get_text_list([str(version.number) for version in versions], _("and")),
        "readings": readings,
        "same_evaluation": version_comparison.have_same_evaluation(readings),
        "same_costs": version_comparison.have_same_costs(readings),
        "evaluations": [(reading, version_comparison.evaluation_text(reading)) for reading in readings],
        "figures": compare_figures(readings),
        "types": version_comparison.recall_by_defect_type(readings),
        "disagreement": disagreement,
        "trained_since": since,
        "trained_since_text": get_text_list(since, _("and")),
        "pictures": link_report_images(versions[0].model, images, versions, current_user(request)),
        "first": start + 1,
        "last": start + len(images),
        "previous": max(0, start - size) if start else None,
        "next": start + size if start + size < len(disagreement.differing_images) else None,
    }


def _version_chooser(
    request: HttpRequest, model: RegisteredModel, choice: version_comparison.VersionSelection, numbers: set[int]
) -> HttpResponse:
    versions = ModelVersion.objects.filter(model=model).order_by("-number").only("number", "state", "created_at")
    context = {
        "model": model,
        "choice": choice,
        "versions": versions,
        "chosen": numbers,
        "limit": version_comparison.MAX_VERSIONS,
        "has_selection": bool(numbers) and "choose" not in request.GET,
    }
    return render(request, "models/compare_choose.html", context, status=400 if choice.too_many else 200)
