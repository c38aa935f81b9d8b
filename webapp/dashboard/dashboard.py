"""The dashboard: a manager's two minutes, and a photo's verdict at once."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from inspection.intake import intake
from inspection.intake.submission import Submission
from inspection.models import Product
from inspection.web.selection import chosen_product
from mltasks.refusals import Refusal
from mltasks.vision.data.image_header import ImageError
from mltasks.web.access import needs, person
from webapp.dashboard import dashboard_metrics

may_look = needs("inspection.view_inspection")


@require_GET
@may_look
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, whole, so that it reads without scripts."""
    product = chosen_product(request)
    if product is None:
        return render(request, "no_product.html", {"title": _("Dashboard")})
    once = {"days": dashboard_metrics.days(product), "part_ids": dashboard_metrics.part_ids(product)}
    return render(request, "dashboard/index.html", {**_facts(product), **_lines(product), **once})


@require_GET
@may_look
def four_facts(request: HttpRequest) -> HttpResponse:
    """The first row alone, and the rail's count: what the page asks for every few seconds."""
    return render(request, "dashboard/_facts.html", {**_facts(_product(request.GET)), "swap": True})


@require_GET
@may_look
def lines(request: HttpRequest) -> HttpResponse:
    """Stations and trainings alone."""
    return render(request, "dashboard/_lines.html", _lines(_product(request.GET)))


@require_GET
@may_look
def chart(request: HttpRequest) -> HttpResponse:
    """The fourteen days alone."""
    return render(request, "dashboard/_days.html", {"days": dashboard_metrics.days(_product(request.GET))})


@require_POST
@needs("inspection.add_inspection")
def inspect(request: HttpRequest) -> HttpResponse:
    """Inspect one photo: its verdict in place for htmx, its page for browsers without scripts."""
    product = _product(request.POST)
    photos = [*request.FILES.getlist("photo"), *request.FILES.getlist("camera")]
    if not photos:
        return _refused(request, _("Choose a photo first."))
    if len(photos) > 1:
        said = _("{count} photos came, and none was inspected. Send one photo at a time.")
        return _refused(request, said.format(count=len(photos)))
    try:
        part = intake.receive(_submission(request, product, photos[0]))
    except (ImageError, Refusal) as error:
        return _refused(request, error.detail)
    if not request.headers.get("HX-Request"):
        return redirect("part", part.pk)
    return render(request, "dashboard/_verdict.html", {"part": part, "product": product})


def _submission(request: HttpRequest, product: Product, photo: UploadedFile[bytes]) -> Submission:
    # Django's stubs know no BinaryIO of an uploaded file.
    return Submission(cast(BinaryIO, photo), product, uploaded_by=person(request), filename=photo.name or "")


def _refused(request: HttpRequest, words: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return render(request, "dashboard/_refused.html", {"words": words})
    messages.error(request, words)
    return redirect("dashboard")


def _facts(product: Product) -> dict[str, object]:
    return {
        "product": product,
        "today": dashboard_metrics.today(product),
        "waiting": dashboard_metrics.waiting(product),
        "champion": dashboard_metrics.champion(product),
        "training": dashboard_metrics.training(product),
    }


def _lines(product: Product) -> dict[str, object]:
    return {
        "product": product,
        "stations": dashboard_metrics.stations(product),
        "runs": dashboard_metrics.runs(product),
    }


def _product(sent: QueryDict) -> Product:
    return get_object_or_404(Product.objects.select_related("registered_model"), slug=sent.get("of", ""))
