"""The door to what a part is compared with: a fragment that pages load when the part's image is there."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from inspection.models import Inspection
from labeling.references import most_alike
from mltasks.web.access import needs


@require_GET
@needs("labeling.add_review")
def references(request: HttpRequest, inspection: UUID) -> HttpResponse:
    """The most alike good and defective labeled parts, with their labels."""
    part = get_object_or_404(Inspection.objects.select_related("product__registered_model"), pk=inspection)
    return render(request, "review/_references.html", {"found": most_alike(part)})
